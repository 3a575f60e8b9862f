/**
 * The OpenAPI 3.1 description of the gateway, made of the tables that the gateway itself goes by.
 *
 * Source: docs/protocol.md; OpenAPI Specification 3.1.
 */
import { HEADERS } from "./headers.ts";
import { OWN_PATHS } from "./own_paths.ts";
import { proxiedPaths } from "./proxied_paths.ts";
import { SCHEMAS } from "./schemas.ts";
import { SECURITY_SCHEMES } from "./security.ts";
import { shareResponses } from "./shared_responses.ts";

const DESCRIPTION = `An LLM gateway for people and agents with DIDs, in front of OpenRouter.

Requests are authenticated by a DID: signed one by one, or with a token that the DID's key has signed.
OpenRouter's own answers, errors included, pass as they came, less the operator's identifiers. Every
answer has \`x-request-id\`.`;

/** @param server the URL of the function, without a slash at the end */
export function openApiDocument({ version, server }: { version: string; server: string }) {
  const { paths, responses } = shareResponses({ ...OWN_PATHS, ...proxiedPaths() });
  return {
    openapi: "3.1.0",
    info: {
      title: "LLM Gateway",
      version,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: server }],
    tags: [
      { name: "account", description: "What the caller has used, may use, and can prove" },
      { name: "openrouter", description: "OpenRouter's API, forwarded" },
      { name: "operation", description: "Health, housekeeping, this document" },
    ],
    paths,
    components: {
      schemas: SCHEMAS,
      responses,
      headers: HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}
