/** The JSON that a request wants for its answer, in the words of each endpoint. */
import { apiError } from "./errors.ts";

/** What must be answered: a value that is valid under this JSON schema. */
export interface OutputFormat {
  schema: unknown;
}

/** What JSON is without a schema: some object. */
const ANY_OBJECT = {
  type: "object",
  properties: { answer: { type: "string" } },
  required: ["answer"],
};

/**
 * The format that a body asks for; null where any text will do.
 *
 * - chat: `response_format` {type: "json_schema", json_schema: {schema}} or {type: "json_object"}
 * - responses: `text.format` {type: "json_schema", schema} or {type: "json_object"}
 * - messages: `output_config.format` or, formerly, `output_format` {type: "json_schema", schema}
 *
 * @throws {ApiError} 400 for a schema that is missing
 */
export function askedFormat(body: Record<string, unknown>): OutputFormat | null {
  const format = Object(
    body.response_format ?? Object(body.text).format ?? Object(body.output_config).format ??
      body.output_format,
  );
  if (format.type === "json_object") return { schema: ANY_OBJECT };
  if (format.type !== "json_schema") return null;
  const schema = format.schema ?? Object(format.json_schema).schema;
  if (typeof schema !== "object" || schema === null) {
    throw apiError(400, "a format of type json_schema needs a schema");
  }
  return { schema };
}
