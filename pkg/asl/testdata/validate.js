// Checks the definitions that come in, one a line, with npm asl-validator, and
// answers "ok" or the errors, one line each.
const validate = require(process.argv[2]);
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { isValid, errorsText } = validate(JSON.parse(line));
  process.stdout.write((isValid ? 'ok' : errorsText().replace(/\n/g, ' ')) + '\n');
});
