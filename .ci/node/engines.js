// Starts dynalite and kinesalite on 127.0.0.1 and prints their ports as one
// line of JSON. They keep their data in memory, or under the directory that is
// the first argument. The process ends when its standard input does, so it
// cannot outlive the tests that started it.
const path = require('path')
const dir = process.argv[2]
const at = (name) => (dir ? path.join(dir, name) : undefined)

const dynamodb = require('dynalite')({ path: at('dynalite'), createTableMs: 5, deleteTableMs: 5 })
const kinesis = require('kinesalite')({ path: at('kinesalite'), createStreamMs: 5, deleteStreamMs: 5, shardLimit: 1000 })

dynamodb.listen(0, '127.0.0.1', () => {
  kinesis.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ dynamodb: dynamodb.address().port, kinesis: kinesis.address().port }))
  })
})

// Both throw what a request reports when its client breaks off while it sends:
// tests kill clients, and the others' data must outlive that, as at a service.
process.on('uncaughtException', (error) => {
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return
  console.error(error)
  process.exit(1)
})

process.stdin.on('end', () => process.exit(0)).resume()
