/** Programs that a machine may lack. */

/** Whether a program can be started; where it cannot, says that its tests are skipped. */
export async function isInstalled(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    console.log(`${program} is not installed: the tests that need it are skipped`);
    return false;
  }
}
