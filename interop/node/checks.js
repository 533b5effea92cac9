'use strict';
// The frame of a judge: "plan N" first, then a line for each check, "ok" or
// "FAILED". A check builds on the ones before it, so the first that fails is the
// last that is tried; whoever reads the lines sees from the plan what is missing.

const hangs = 30000; // ms for one check: only a hang is longer

function within(ms, promise) {
  let timer;
  const late = new Promise((_, no) => {
    timer = setTimeout(() => no(new Error(`no answer in ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// what an error says on one line: the SDKs put the hub's words in several places.
function describe(error) {
  const text = error?.message ?? String(error);
  const name = error?.code ?? error?.name;
  return (name ? `${name}: ${text}` : text).replace(/\s+/g, ' ').slice(0, 300);
}

// refused waits for promise to fail with an error whose description has pattern.
async function refused(promise, pattern) {
  let error;
  try {
    await promise;
  } catch (e) {
    error = e;
  }
  if (!error) throw new Error(`not refused, ${pattern} was expected`);
  const said = `${error.code} ${error.name} ${error.message} ${error.responseBody ?? ''}`;
  if (!pattern.test(said)) throw new Error(`refused with ${said}, not with ${pattern}`);
}

// judge runs checks, a list of [text, function], and ends the process.
async function judge(checks) {
  process.on('unhandledRejection', (error) => {
    console.log(`FAILED beside the checks: ${describe(error)}`);
    process.exit(1);
  });
  console.log(`plan ${checks.length}`);
  for (const [text, check] of checks) {
    try {
      await within(hangs, check());
    } catch (error) {
      console.log(`FAILED ${text}: ${describe(error)}`);
      process.exit(1);
    }
    console.log(`ok ${text}`);
  }
  process.exit(0);
}

// inbox keeps what arrives until somebody asks for it.
class Inbox {
  #arrived = [];
  #waiting = [];

  put(item) {
    const next = this.#waiting.shift();
    if (next) next(item);
    else this.#arrived.push(item);
  }

  next() {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    return new Promise((ok) => this.#waiting.push(ok));
  }
}

module.exports = { judge, refused, Inbox };
