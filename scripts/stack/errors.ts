/** An expected failure of a development command: its message is all that the person needs to see. */
export class StackError extends Error {
  override readonly name = "StackError";
}
