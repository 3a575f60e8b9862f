/** Tests of what waits by AbortSignal.timeout. */

/** Without sanitizers: the timers of AbortSignal.timeout outlive what they guard in Deno 2.1.4. */
export function testWithTimers(name: string, fn: () => Promise<void>) {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}
