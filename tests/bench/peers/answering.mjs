// JSON lines in, JSON lines out: `{"do": name, ...}` is answered by what `actions[name]` returns.
import { createInterface } from "node:readline";
import { createReadStream } from "node:fs";

console.log = console.error; // libraries may talk; stdout is for answers

export function answer(actions) {
  let turn = Promise.resolve();
  const commands = createInterface({ input: process.stdin });
  commands.on("line", (line) => {
    const command = JSON.parse(line);
    turn = turn
      .then(() => actions[command.do](command))
      .then((told) => told ?? {})
      .catch((fault) => ({ error: String(fault?.stack ?? fault) }))
      .then((told) => process.stdout.write(JSON.stringify(told) + "\n"));
  });
  commands.on("close", () => process.exit(0)); // whoever started us is gone
}

export async function* charts(file) {
  for await (const line of createInterface({ input: createReadStream(file) }))
    yield JSON.parse(line);
}
