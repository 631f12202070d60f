// Sends the samples of standard input with the CloudEvents SDK of a directory to each
// of the URLs, in each mode, and prints one line of JSON a request: what became of it.
const [modules, ...urls] = process.argv.slice(2)
const { CloudEvent, CONSTANTS, HTTP, Mode, emitterFor, httpTransport } = require(modules + '/cloudevents')

const bytes = ({ bytes, array }) => {
  const buffer = Buffer.from(bytes, 'base64')
  return array ? new Uint8Array(buffer) : buffer
}

function dataOf (data) {
  if (data.json !== undefined) return data.json
  if (data.text !== undefined) return data.text
  if (data.xml !== undefined) return `<note>${data.xml}</note>`
  return data.bytes === null ? undefined : bytes(data)
}

function eventOf ({ subject, source, time, dataschema, datacontenttype, extensions, data }) {
  const type = 'sample.sent'
  const attributes = { id: '1', type, subject, source, time, dataschema, datacontenttype }
  return new CloudEvent({ ...attributes, ...extensions, data: dataOf(data) })
}

// The SDK writes no batches, but each of its events knows how to be a part of one.
const batch = (url) => (event) =>
  httpTransport(url)({ headers: { 'content-type': CONSTANTS.MIME_CE_BATCH }, body: JSON.stringify([event]) })

const modes = {
  structured: (url) => emitterFor(httpTransport(url), { binding: HTTP, mode: Mode.STRUCTURED }),
  binary: (url) => emitterFor(httpTransport(url), { binding: HTTP, mode: Mode.BINARY }),
  batch
}

async function main () {
  const samples = JSON.parse(require('fs').readFileSync(0, 'utf8'))
  for (const sample of samples) {
    for (const [at, url] of urls.entries()) {
      for (const [mode, sender] of Object.entries(modes)) {
        const outcome = { sample: sample.name, url: at, mode }
        try {
          outcome.answer = JSON.parse((await sender(url)(eventOf(sample))).body)
        } catch (error) {
          outcome.failure = String(error)
        }
        console.log(JSON.stringify(outcome))
      }
    }
  }
}

// A request that the SDK began and could not write would keep the process alive.
main().then(() => process.exit(0))
