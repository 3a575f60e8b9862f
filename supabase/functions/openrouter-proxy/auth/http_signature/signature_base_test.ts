import { base64 } from "@scure/base";
import assert from "node:assert/strict";
import { type InnerList, parseDictionary } from "structured-headers";
import { type Bytes, utf8 } from "../../bytes/encodings.ts";
import { assertRefused, AUDIENCE } from "../../testing/signers.ts";
import { readJwk } from "../key_types.ts";
import { readComponents, signatureBase } from "./signature_base.ts";
import type { RequestHead } from "../signed_request.ts";

function baseOf(input: string, head: RequestHead, audience: string): string {
  const list = parseDictionary(`sig=${input}`).get("sig") as InnerList;
  return signatureBase(readComponents(list, head, audience), list);
}

/** RFC 9421 appendix B.2: the request that its signatures are of. */
const TEST_REQUEST: RequestHead = {
  method: "POST",
  pathAndQuery: "/foo?param=Value&Pet=dog",
  headers: new Headers({
    date: "Tue, 20 Apr 2021 02:07:55 GMT",
    "content-type": "application/json",
    "content-digest":
      "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
    "content-length": "18",
  }),
};
/** Appendix B.4, which two relays have come between. */
const TRANSFORMED_REQUEST: RequestHead = {
  method: "GET",
  pathAndQuery: "/demo?name1=Value1&Name2=value2",
  headers: new Headers([["accept", "application/json"], ["accept", "*/*"]]),
};

const ED25519 = { kty: "OKP", crv: "Ed25519", x: "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs" };
const P256 = {
  kty: "EC",
  crv: "P-256",
  x: "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA",
  y: "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0",
};
const RSA_PSS = {
  kty: "RSA",
  e: "AQAB",
  n: "r4tmm3r20Wd_PbqvP1s2-QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct-Lh1GH45x28Rw3Ry53mm-oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL-Wokqltd11nqqzi-bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d-nb4bnNkQVklLQ3fVAvJm-xdDOp9LCNCN48V2pnDOkFV6-U9nV5oyc6XI2w",
};
const SHARED_SECRET =
  "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

type Verify = (base: string, signature: Bytes) => Promise<boolean>;

/** As the gateway verifies, or for algorithms that no DID here has, as WebCrypto does. */
const VERIFIERS: Record<string, Verify> = {
  ed25519: async (base, signature) => (await readJwk(ED25519)()).verify(signature, utf8(base)),
  p256: async (base, signature) => (await readJwk(P256)()).verify(signature, utf8(base)),
  async rsaPss(base, signature) {
    const algorithm = { name: "RSA-PSS", hash: "SHA-512" };
    const key = await crypto.subtle.importKey("jwk", RSA_PSS, algorithm, false, ["verify"]);
    const parameters = { ...algorithm, saltLength: 64 };
    return await crypto.subtle.verify(parameters, key, signature, utf8(base));
  },
  async hmac(base, signature) {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const secret = new Uint8Array(base64.decode(SHARED_SECRET));
    const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["verify"]);
    return await crypto.subtle.verify("HMAC", key, signature, utf8(base));
  },
};

const VECTORS: [
  section: string,
  verifier: string,
  head: RequestHead,
  audience: string,
  input: string,
  signature: string,
][] = [
  [
    "B.2.1, minimal",
    "rsaPss",
    TEST_REQUEST,
    "https://example.com",
    '();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
    "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
  ],
  [
    "B.2.2, selective",
    "rsaPss",
    TEST_REQUEST,
    "https://example.com",
    '("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"',
    "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
  ],
  [
    "B.2.3, full",
    "rsaPss",
    TEST_REQUEST,
    "https://example.com",
    '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"',
    "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
  ],
  [
    "B.2.5, HMAC",
    "hmac",
    TEST_REQUEST,
    "https://example.com",
    '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
  ],
  [
    "B.2.6, Ed25519",
    "ed25519",
    TEST_REQUEST,
    "https://example.com",
    '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
  ],
  [
    "B.4, after relays",
    "ed25519",
    TRANSFORMED_REQUEST,
    "https://example.org",
    '("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"',
    "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==",
  ],
];

for (const [section, verifier, head, audience, input, signature] of VECTORS) {
  Deno.test(`RFC 9421 ${section}: the signature is that of the base`, async () => {
    const base = baseOf(input, head, audience);
    const bytes = new Uint8Array(base64.decode(signature));
    assert.equal(await VERIFIERS[verifier]!(base, bytes), true, base);
    assert.equal(await VERIFIERS[verifier]!(base.replace("4473", "4474"), bytes), false);
  });
}

Deno.test("RFC 9421 B.2.4: the response's signature verifies, and @status is of no request", async () => {
  const input =
    '("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"';
  const base = [
    '"@status": 200',
    '"content-type": application/json',
    '"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
    '"content-length": 23',
    `"@signature-params": ${input}`,
  ].join("\n");
  const signature =
    "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==";
  assert.ok(await VERIFIERS.p256!(base, new Uint8Array(base64.decode(signature))));
  assert.throws(() => baseOf(input, TEST_REQUEST, "https://example.com"), /@status/);
});

const HEAD: RequestHead = {
  method: "POST",
  pathAndQuery: "/api/v1/a%20b?x=1&y=a+b%2Bc&x=2&f%C3%A7%22%3A%20=!'()~*&e",
  headers: new Headers({
    "x-note": "  two  words ",
    "x-dict": 'a=1,  b=(x "y" ?0);p=1;q,c',
    "content-digest": "sha-256=:AAAA:,sha-512=:AQID:",
    host: "edge-runtime.internal",
    "x-latin": "caf\u00e9",
  }),
};

Deno.test("each component of a request has the value that its client knows", () => {
  const values = {
    '"@method"': "POST",
    '"@target-uri"': `${AUDIENCE}${HEAD.pathAndQuery}`,
    '"@authority"': "gateway.example",
    '"@scheme"': "https",
    '"@path"': "/functions/v1/openrouter-proxy/api/v1/a%20b",
    '"@query"': "?x=1&y=a+b%2Bc&x=2&f%C3%A7%22%3A%20=!'()~*&e",
    '"@request-target"': `/functions/v1/openrouter-proxy${HEAD.pathAndQuery}`,
    '"@query-param";name="y"': "a%20b%2Bc",
    '"@query-param";name="f%C3%A7%22%3A%20"': "%21%27%28%29%7E*",
    '"@query-param";name="e"': "",
    '"x-note"': "two  words",
    '"x-note";bs': ":dHdvICB3b3Jkcw==:",
    '"x-latin";bs': ":Y2Fm6Q==:",
    '"x-dict"': 'a=1,  b=(x "y" ?0);p=1;q,c',
    '"x-dict";key="a"': "1",
    '"x-dict";key="b"': '(x "y" ?0);p=1;q',
    '"x-dict";key="c"': "?1",
    '"content-digest";sf': "sha-256=:AAAA:, sha-512=:AQID:",
    '"content-digest";key="sha-512"': ":AQID:",
    '"host"': "gateway.example",
  };
  for (const [identifier, value] of Object.entries(values)) {
    const base = baseOf(`(${identifier});created=1`, HEAD, AUDIENCE);
    assert.equal(base, `${identifier}: ${value}\n"@signature-params": (${identifier});created=1`);
  }
  const local = baseOf('("@authority" "@path" "@query" "@scheme")', {
    ...HEAD,
    pathAndQuery: "/",
  }, "http://LOCALHOST:80");
  assert.deepEqual(local.split("\n").slice(0, 4), [
    '"@authority": localhost',
    '"@path": /',
    '"@query": ?',
    '"@scheme": http',
  ]);
});

Deno.test("the fields that RFCs define as dictionaries have a strict form", () => {
  for (
    const name of [
      ...["content-digest", "repr-digest", "want-content-digest", "want-repr-digest"],
      ...["signature", "signature-input", "accept-signature", "priority"],
    ]
  ) {
    const head = { ...HEAD, headers: new Headers({ [name]: "b=2 ,a=?1" }) };
    const [line] = baseOf(`("${name}";sf)`, head, AUDIENCE).split("\n");
    assert.equal(line, `"${name}";sf: b=2, a`);
  }
});

Deno.test("a parameter that differs makes another component", () => {
  for (
    const both of [
      '"@query-param";name="y" "@query-param";name="e"',
      '"x-dict";key="a" "x-dict";key="b"',
      '"content-digest";key="sha-512" "content-digest";sf "content-digest"',
    ]
  ) {
    const base = baseOf(`(${both});created=1`, HEAD, AUDIENCE);
    assert.equal(base.split("\n").length, both.split(" ").length + 1);
  }
});

const REFUSED: [input: string, message: RegExp][] = [
  ['("@status")', /@status/],
  ['("@signature-params")', /@signature-params/],
  ['("@unheard-of")', /@unheard-of/],
  ['("@toString")', /@toString/],
  ['("@method";req)', /: "@method";req is of responses or trailers/],
  ['("x-note";tr)', /: "x-note";tr is of responses or trailers/],
  ['("x-note";xy)', /: "x-note";xy has a parameter that the gateway does not know there: xy$/],
  ['("x-note";bs=?0)', /bs/],
  ['("content-digest";sf=1)', /sf/],
  ['("@method";sf)', /sf/],
  ['("@query-param")', /0 times/],
  ['("@query-param";name="x")', /2 times/],
  ['("@query-param";name="nowhere")', /0 times/],
  ['("@query-param";name)', /name/],
  ['("x-absent")', /: it covers "x-absent", which was not sent/],
  ['("X-Note")', /lower case/],
  ['("x note")', /lower case/],
  ['("")', /lower case/],
  ['("x-note";sf)', /sf is not known/],
  ['("x-dict";key="z")', /: it covers "x-dict";key="z", which is no member/],
  ['("x-dict";key=a)', /key/],
  ['("x-dict";bs;key="a")', /key/],
  ['("x-dict";bs;sf)', /sf/],
  ['("x-latin")', /ASCII/],
  ['("@method" "x-note" "@method")', /twice/],
  ['("content-digest";sf;key="sha-256" "content-digest";key="sha-256";sf)', /twice/],
  [`(${Array.from({ length: 33 }, (_, i) => `"x-${i}"`).join(" ")})`, /32 components/],
];

for (const [input, message] of REFUSED) {
  Deno.test(`a signature that covers ${input.slice(0, 60)} is refused`, async () => {
    await assertRefused(
      Promise.resolve().then(() => baseOf(input, HEAD, AUDIENCE)),
      "invalid_signature",
      message,
    );
  });
}

Deno.test("a target that is not ASCII is refused, and the message says how to send it", async () => {
  const head = { ...HEAD, pathAndQuery: "/api/v1/usage?label=\u00e9" };
  await assertRefused(
    Promise.resolve().then(() => baseOf('("@target-uri")', head, AUDIENCE)),
    "invalid_signature",
    /"@target-uri" is not ASCII; send path and query percent-encoded$/,
  );
});

Deno.test("a signature may cover 32 components", () => {
  const names = Array.from({ length: 32 }, (_, i) => `x-${i}`);
  const headers = new Headers(names.map((name) => [name, "1"]));
  const input = `(${names.map((name) => `"${name}"`).join(" ")})`;
  assert.equal(baseOf(input, { ...HEAD, headers }, AUDIENCE).split("\n").length, 33);
});

Deno.test("a component that is no string, or whose field is no dictionary, is bad syntax", async () => {
  for (const input of ["(token)", "(1)", '("x-note";key="a")']) {
    await assertRefused(
      Promise.resolve().then(() => baseOf(input, HEAD, AUDIENCE)),
      "invalid_request",
    );
  }
});
