// Prints what govulncheck found, and fails for a module with a vulnerability in a
// package that is imported. Vulnerabilities of Go's own library are printed only:
// whoever builds decides on the version of Go.
'use strict'
const { readFileSync } = require('node:fs')

const found = new Map()
for (const message of messages(readFileSync(process.argv[2], 'utf8'))) {
  if (!message.finding) continue
  const { osv, fixed_version: fixed, trace: [place] } = message.finding
  const key = `${osv} in ${place.module} ${place.version}, fixed in ${fixed ?? 'no version'}`
  const rank = place.function ? 2 : place.package ? 1 : 0
  const known = found.get(key) ?? { module: place.module, rank }
  found.set(key, { module: place.module, rank: Math.max(known.rank, rank) })
}
let failed = false
for (const [key, { module, rank }] of found) {
  console.log(`${key} (${['required', 'imported', 'called'][rank]})`)
  failed ||= module !== 'stdlib' && rank > 0
}
console.log(`${found.size} vulnerabilities`)
process.exit(failed ? 1 : 0)

// messages are the JSON objects that follow one another in a text.
function * messages (text) {
  let depth = 0; let start = 0; let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{' && depth++ === 0) start = i
    else if (c === '}' && --depth === 0) yield JSON.parse(text.slice(start, i + 1))
  }
}
