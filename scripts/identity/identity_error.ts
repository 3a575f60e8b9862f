/** An expected failure of the identity tools; its message is the one line that people see. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";

  /** @param code what callers react to: the identity file is not there, or is there already */
  constructor(message: string, readonly code: "MISSING" | "EXISTS" | null = null) {
    super(message);
  }
}
