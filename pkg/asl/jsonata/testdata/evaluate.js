// Evaluates the expressions that come in, one JSON text [expression, variables]
// a line, with npm jsonata, and answers one line each: {"value": …},
// {"undefined": true} or {"error": …}.
const jsonata = require(process.argv[2]);
const lines = require('readline').createInterface({ input: process.stdin });

async function answer(line) {
  const [source, variables] = JSON.parse(line);
  try {
    const value = await jsonata(source).evaluate(undefined, variables);
    if (value === undefined) return { undefined: true };
    if (typeof value === 'number' && !Number.isFinite(value)) return { error: 'out of range' };
    return { value };
  } catch (error) {
    return { error: error.message || error.code || String(error) };
  }
}

(async () => {
  for await (const line of lines) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n');
  }
})();
