/** What each variable that cannot be used is told as, whole: an operator mends it by that. */
import assert from "node:assert/strict";
import { config } from "../testing/environments.ts";
import { ConfigError } from "./config.ts";

type Case = [name: string, value: string | undefined, told: string];

const CASES: Case[] = [
  ["SUPABASE_URL", undefined, "SUPABASE_URL is not set"],
  [
    "SUPABASE_URL",
    "see https://ref.supabase.co",
    "SUPABASE_URL must be an http(s) URL without query or fragment",
  ],
  ["SUPABASE_URL", "https://", "SUPABASE_URL must be an http(s) URL without query or fragment"],
  [
    "SUPABASE_URL",
    "https://ref.supabase.co/rest/v1",
    "SUPABASE_URL must be the project's URL alone, without /rest/v1 or the like after it",
  ],
  [
    "SUPABASE_SECRET_KEYS",
    undefined,
    "SUPABASE_SECRET_KEYS (or SUPABASE_SERVICE_ROLE_KEY) is not set",
  ],
  [
    "SUPABASE_SECRET_KEYS",
    "{}",
    "SUPABASE_SECRET_KEYS holds no key, and SUPABASE_SERVICE_ROLE_KEY is not set",
  ],
  [
    "SUPABASE_SECRET_KEYS",
    "[]",
    'SUPABASE_SECRET_KEYS must be JSON of the shape {"default":"sb_secret_…"}',
  ],
  [
    "SUPABASE_SECRET_KEYS",
    '{"a":"sb_secret_1","b":7}',
    'SUPABASE_SECRET_KEYS must be JSON of the shape {"default":"sb_secret_…"}',
  ],
  [
    "SUPABASE_SECRET_KEYS",
    '{"a":7,"b":"sb_secret_1"}',
    'SUPABASE_SECRET_KEYS must be JSON of the shape {"default":"sb_secret_…"}',
  ],
  [
    "OPENROUTER_EXTRA_PATHS",
    "new",
    "OPENROUTER_EXTRA_PATHS must be paths such as /new/endpoint, or *",
  ],
  [
    "OPENROUTER_EXTRA_PATHS",
    "*,new/endpoint",
    "OPENROUTER_EXTRA_PATHS must be paths such as /new/endpoint, or *",
  ],
  [
    "OPENROUTER_EXTRA_PATHS",
    "/new/endpoint?x",
    "OPENROUTER_EXTRA_PATHS must be paths such as /new/endpoint, or *",
  ],
  [
    "OPENROUTER_EXTRA_PATHS",
    "/new//endpoint",
    "OPENROUTER_EXTRA_PATHS must be paths such as /new/endpoint, or *",
  ],
  [
    "OPENROUTER_EXTRA_PATHS",
    "/",
    "OPENROUTER_EXTRA_PATHS must be paths such as /new/endpoint, or *",
  ],
  [
    "OPENROUTER_PROVISIONING_KEY",
    "<your key>, of OpenRouter",
    "OPENROUTER_PROVISIONING_KEY must be a management key, such as sk-or-v1- and 64 hex digits, no placeholder",
  ],
  [
    "OPENROUTER_WORKSPACE_ID",
    "a b",
    "OPENROUTER_WORKSPACE_ID must be an id of OpenRouter's, such as a UUID, without spaces",
  ],
  [
    "API_KEY_ENCRYPTION_KEY",
    "change-me",
    "API_KEY_ENCRYPTION_KEY must be at least 32 random bytes in base64 or hex, no placeholder; make one with: deno task secrets",
  ],
  [
    "API_KEY_ENCRYPTION_KEY",
    "x" + "0123456789abcdef".repeat(4),
    "API_KEY_ENCRYPTION_KEY must be at least 32 random bytes in base64 or hex, no placeholder; make one with: deno task secrets",
  ],
  [
    "API_KEY_ENCRYPTION_KEY_PREVIOUS",
    "AbCdEfGhIjKlMnOpQrStUvWxYzChangeMeAbCdEfGhI",
    "API_KEY_ENCRYPTION_KEY_PREVIOUS must be at least 32 random bytes in base64 or hex, no placeholder; make one with: deno task secrets",
  ],
  [
    "API_KEY_ENCRYPTION_KEY_PREVIOUS",
    "AbCdEfGhIjKlMnOpQrStUvWxYzChange-MeAbCdEfGh",
    "API_KEY_ENCRYPTION_KEY_PREVIOUS must be at least 32 random bytes in base64 or hex, no placeholder; make one with: deno task secrets",
  ],
  [
    "GATEWAY_AUDIENCE",
    "urn:gateway",
    "GATEWAY_AUDIENCE must be the http(s) URL that clients call the gateway at",
  ],
  [
    "GATEWAY_AUDIENCE",
    "https://user@gateway.example",
    "GATEWAY_AUDIENCE must hold no user name or password",
  ],
  [
    "GATEWAY_AUDIENCE",
    "https://:word@gateway.example",
    "GATEWAY_AUDIENCE must hold no user name or password",
  ],
  [
    "GATEWAY_AUDIENCE",
    "https://gateway.example?x",
    "GATEWAY_AUDIENCE must have no query and no fragment",
  ],
  [
    "GATEWAY_AUDIENCE",
    "https://gateway.example/",
    "GATEWAY_AUDIENCE must not end with a slash: the path of a request follows it",
  ],
  [
    "GATEWAY_AUDIENCE",
    "https://Gateway.example",
    "GATEWAY_AUDIENCE must be spelled as URLs are normalised: scheme and host in lower case (IDNs as xn--), no default port, no dot segments",
  ],
  [
    "ALLOWED_ORIGINS",
    "app.example",
    "ALLOWED_ORIGINS must be * or origins such as https://app.example.com, spelled as browsers do: with a scheme, in lower case (IDNs as xn--), without a wildcard, a default port, a path, or a slash at the end",
  ],
  [
    "ALLOWED_ORIGINS",
    "my-https://",
    "ALLOWED_ORIGINS must be * or origins such as https://app.example.com, spelled as browsers do: with a scheme, in lower case (IDNs as xn--), without a wildcard, a default port, a path, or a slash at the end",
  ],
  [
    "ALLOWED_ORIGINS",
    "capacitor://",
    "ALLOWED_ORIGINS must be * or origins such as https://app.example.com, spelled as browsers do: with a scheme, in lower case (IDNs as xn--), without a wildcard, a default port, a path, or a slash at the end",
  ],
  [
    "DID_WEB_HOSTS",
    "https://a.example",
    "DID_WEB_HOSTS must be domain names such as example.com, without a scheme",
  ],
  [
    "DID_WEB_HOSTS",
    "*.a.example",
    "DID_WEB_HOSTS must be domain names such as example.com, without a wildcard",
  ],
  [
    "DID_WEB_HOSTS",
    "a.example?x",
    "DID_WEB_HOSTS must be domain names such as example.com, without a path or anything else of a URL",
  ],
  [
    "DID_WEB_HOSTS",
    "a/h2+x://b",
    "DID_WEB_HOSTS must be domain names such as example.com, without a path or anything else of a URL",
  ],
  [
    "DID_WEB_HOSTS",
    "127.0.0.1",
    "DID_WEB_HOSTS must be domain names such as example.com, without an IP address",
  ],
  [
    "DID_WEB_HOSTS",
    "[",
    "DID_WEB_HOSTS must be domain names such as example.com, without an IP address",
  ],
  [
    "DID_WEB_HOSTS",
    "::",
    "DID_WEB_HOSTS must be domain names such as example.com, without an IP address",
  ],
  [
    "DID_WEB_HOSTS",
    "1.2.3.4x_",
    "DID_WEB_HOSTS must be domain names such as example.com, without anything that is no domain name",
  ],
  [
    "DID_WEB_HOSTS",
    "a.example:443",
    "DID_WEB_HOSTS must be domain names such as example.com, without a port (documents are fetched over HTTPS on 443 alone)",
  ],
  [
    "DID_WEB_HOSTS",
    ".localhost",
    "DID_WEB_HOSTS must be domain names such as example.com, without localhost",
  ],
  [
    "DID_WEB_HOSTS",
    "localhost.a_",
    "DID_WEB_HOSTS must be domain names such as example.com, without anything that is no domain name",
  ],
  [
    "DID_WEB_HOSTS",
    "notlocalhost",
    "DID_WEB_HOSTS must be domain names such as example.com, without a name that has no dot",
  ],
  [
    "DID_WEB_HOSTS",
    "a.example.",
    "DID_WEB_HOSTS must be domain names such as example.com, without a dot at the end",
  ],
  [
    "DID_WEB_HOSTS",
    "b\u00fccher.example",
    "DID_WEB_HOSTS must be domain names such as example.com, without letters beyond ASCII (write the xn-- form)",
  ],
  [
    "DID_WEB_HOSTS",
    "intranet",
    "DID_WEB_HOSTS must be domain names such as example.com, without a name that has no dot",
  ],
  [
    "DID_WEB_HOSTS",
    "a_b.example",
    "DID_WEB_HOSTS must be domain names such as example.com, without anything that is no domain name",
  ],
  [
    "DID_WEB_HOSTS",
    "intranet, a_b.example, host, c.example",
    "DID_WEB_HOSTS must be domain names such as example.com, without a name that has no dot, anything that is no domain name",
  ],
  [
    "MAX_REQUEST_BYTES",
    "2147483648",
    "MAX_REQUEST_BYTES must be a whole number from 1 to 2147483647",
  ],
  [
    "MAX_REQUEST_BYTES",
    "00000000001",
    "MAX_REQUEST_BYTES must be a whole number from 1 to 2147483647",
  ],
  ["HTTP_REFERER", "\u00e9", "HTTP_REFERER must be printable ASCII"],
  ["OPENROUTER_USD_PER_CREDIT", "0", "OPENROUTER_USD_PER_CREDIT must be a positive decimal number"],
  [
    "ALERT_WEBHOOK_URL",
    "see https://hooks.example",
    "ALERT_WEBHOOK_URL must be an http(s) URL without a fragment",
  ],
  ["ALERT_WEBHOOK_URL", "https://", "ALERT_WEBHOOK_URL must be an http(s) URL without a fragment"],
  [
    "ALERT_WEBHOOK_SECRET",
    "15 characters..",
    "ALERT_WEBHOOK_SECRET must have at least 16 characters",
  ],
  [
    "GATEWAY_JWT_KEY",
    "{}",
    "GATEWAY_JWT_KEY must be a private ES256 JWK with a kid; make one with: supabase gen signing-key --algorithm ES256",
  ],
  ["LOG_SUCCESSES", "some", "LOG_SUCCESSES must be a whole number, or all"],
  ["LOG_SUCCESSES", "1234567890", "LOG_SUCCESSES must be a whole number, or all"],
];

for (const [name, value, told] of CASES) {
  Deno.test(`${name} of ${JSON.stringify(value)} is told as what it must be`, () => {
    assert.throws(() => config({ [name]: value }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.name, "ConfigError");
      assert.deepEqual(error.problems, [told]);
      assert.equal(error.message, `the gateway's environment is not usable:\n- ${told}`);
      return true;
    });
  });
}

Deno.test("a webhook's URL may have any case, and nothing of it is taken away", () => {
  const ALERT_WEBHOOK_URL = "HTTPS://Hooks.example/a//?b";
  assert.equal(config({ ALERT_WEBHOOK_URL }).alertWebhookUrl, ALERT_WEBHOOK_URL);
});
