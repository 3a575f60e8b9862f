import assert from "node:assert/strict";
import { isDomainName } from "./domain_name.ts";

Deno.test("a domain name is in lower case, and no IP literal or localhost", () => {
  const label = "a".repeat(63);
  const long = (last: number) => `${label}.${label}.${label}.${"a".repeat(last)}`;
  const good = [
    ...["example.com", "a.b-c.example", "xn--bcher-kva.example", "a.xn--p1ai", "a.b", "ab.cd"],
    ...["1.a", "a1.b2", `${label}.${label}`, long(61)],
  ];
  const bad = [
    "",
    "localhost",
    "app.localhost",
    "example",
    "Example.com",
    "example.com.",
    "*.example.com",
    "example.com:443",
    "https://example.com",
    "example.com/a",
    "127.0.0.1",
    "[::1]",
    "b\u00fccher.example",
    "-a.example",
    "a_b.example",
    "a..example",
    `${label}a.example`,
    `example.${label}a`,
    long(62),
    "a.1b",
    "a.b-",
    "a-.b",
    `${"a.".repeat(125)}example`,
  ];
  assert.deepEqual(good.filter((host) => !isDomainName(host)), []);
  assert.deepEqual(bad.filter(isDomainName), []);
});
