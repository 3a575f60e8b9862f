/** The OpenAPI document, as a client reads it. */
import { openApiDocument } from "../openapi/document.ts";

export const TEXT = JSON.stringify(
  openApiDocument({ version: "1.2.3", server: "https://g.example/f" }),
);
// deno-lint-ignore no-explicit-any
export type Json = any;
export const DOCUMENT: Json = JSON.parse(TEXT);

/** What a reference within the document refers to. */
export function resolve(reference: string): Json {
  return reference.split("/").slice(1).reduce((value, name) => value?.[name], DOCUMENT);
}

/** The components of a kind, by their names. */
export function components(kind: string) {
  return Object.entries<Json>(DOCUMENT.components[kind]);
}

/** All operations, with their paths and methods. */
export function operations(): Json[] {
  return Object.entries<Record<string, Json>>(DOCUMENT.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, ...operation }))
  );
}
