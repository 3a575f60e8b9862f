/** An expected failure of the identity tools; its message is the one line that people see. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
}
