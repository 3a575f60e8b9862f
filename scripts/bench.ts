/**
 * `deno task bench [auth|gateways|limits|stranger|usage] [options]`: measures on this machine; without a name
 * the gateway beside others. Figures of one run compare with each other; those of two runs do not.
 */
const BENCHES = ["auth", "gateways", "limits", "stranger", "usage"];

// What begins with a dash is for the benches.
const named = Deno.args.filter((argument) => !argument.startsWith("-"));
const given = Deno.args.filter((argument) => argument.startsWith("-"));
const chosen = named.length > 0 ? named : ["gateways"];
const unknown = chosen.find((name) => !BENCHES.includes(name));
if (unknown !== undefined) {
  console.error(`error: no bench ${unknown}; there are ${BENCHES.join(", ")}`);
  Deno.exit(2);
}
for (const name of chosen) {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL(`bench/${name}.ts`, import.meta.url).href, ...given],
  }).spawn().status;
  if (!success) Deno.exit(1);
}
