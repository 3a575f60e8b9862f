/** What refusals tell, whole: clients show it, and people search for it. */
import assert from "node:assert/strict";

/** What is refused, by what, and its message. */
export type Refusal = [what: string, refuse: () => unknown, told: string];

export function testRefusals(refusals: Refusal[]): void {
  for (const [what, refuse, told] of refusals) {
    Deno.test(`the refusal of ${what} is told whole`, async () => {
      let message: unknown;
      try {
        await refuse();
      } catch (error) {
        message = (error as Error).message;
      }
      assert.equal(message, told);
    });
  }
}
