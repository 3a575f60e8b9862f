/** A value that is valid under a JSON schema. */
import { generate, type JsonSchema } from "json-schema-faker";
import { apiError } from "./errors.ts";

/** The same schema has the same sample. */
const SEED = 1;

/**
 * Makes the value: required members alone, the same one each time.
 *
 * @throws {ApiError} 400 for a schema that nothing can be made of
 */
export async function schemaSample(schema: unknown): Promise<unknown> {
  try {
    return await generate(schema as JsonSchema, { seed: SEED, optionalsProbability: 0 });
  } catch (error) {
    throw apiError(400, `Invalid schema: ${error instanceof Error ? error.message : error}`);
  }
}
