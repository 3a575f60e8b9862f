import { ParsedMessage } from "@signinwithethereum/siwe-parser";
import fc from "fast-check";
import assert from "node:assert/strict";
import { newSigner, NOW } from "../testing/signers.ts";
import {
  instant,
  sessionFields,
  type SiweFields,
  siweMessage,
} from "../testing/wallet_sessions.ts";
import { parseSiweMessage } from "./siwe_message.ts";
import vectors from "./testdata/siwe.json" with { type: "json" };

const account = await newSigner("did:pkh");
const EVERY_FIELD: SiweFields = sessionFields(account, {
  scheme: "https",
  statement: "Use the gateway: today.",
  notBefore: instant(NOW),
  requestId: "request-1",
  resources: ["https://a.example", "ipfs://b"],
});

for (const { name, message, fields } of vectors.parsing.positive) {
  Deno.test(`the published message "${name}" is read as published`, () => {
    assert.deepEqual(parseSiweMessage(message), {
      scheme: null,
      expirationTime: null,
      notBefore: null,
      ...fields,
    });
  });
}

for (const [name, message] of Object.entries(vectors.parsing.negative)) {
  Deno.test(`the published message "${name}" is no message`, () => {
    assert.equal(parseSiweMessage(message), null);
  });
}

const FIELD = { statement: "statement", request_id: "requestId", scheme: "scheme" } as const;
for (const [rule, { valid, invalid }] of Object.entries(vectors.characters)) {
  Deno.test(`a ${rule} has the characters that EIP-4361 publishes`, () => {
    const read = (text: string) =>
      parseSiweMessage(siweMessage({ ...EVERY_FIELD, [FIELD[rule as keyof typeof FIELD]]: text }));
    for (const text of valid) assert.notEqual(read(text), null, text);
    for (const text of invalid) assert.equal(read(text), null, text);
  });
}

Deno.test("every field of a message is read", () => {
  const { statement: _, requestId: __, ...fields } = EVERY_FIELD;
  assert.deepEqual(parseSiweMessage(siweMessage(EVERY_FIELD)), fields);
});

Deno.test("each field is where EIP-4361 has it, once, and so is each line break", () => {
  const message = siweMessage(EVERY_FIELD);
  const lines = message.split("\n");
  const optional = /^(?:Use the gateway|Expiration|Not Before|Request ID|- )/;
  for (let i = 0; i < lines.length; i++) {
    const without = lines.toSpliced(i, 1).join("\n");
    assert.equal(parseSiweMessage(without) !== null, optional.test(lines[i]!), without);
    // A resource may be there twice.
    const twice = lines.toSpliced(i, 0, lines[i]!).join("\n");
    assert.equal(parseSiweMessage(twice) !== null, lines[i]!.startsWith("- "), twice);
    for (let j = 0; j < i; j++) {
      if (lines[i]!.startsWith("- ") && lines[j]!.startsWith("- ")) continue;
      const exchanged = lines.with(i, lines[j]!).with(j, lines[i]!);
      if (lines[i] === lines[j]) continue;
      assert.equal(parseSiweMessage(exchanged.join("\n")), null, exchanged.join("\n"));
    }
  }
  for (const other of [`${message}\n`, `\n${message}`, ` ${message}`, `\uFEFF${message}`]) {
    assert.equal(parseSiweMessage(other), null);
  }
  assert.equal(parseSiweMessage(message.replaceAll("\n", "\r\n")), null);
});

Deno.test("a message is of version 1, with a nonce of eight letters and digits or more", () => {
  const message = siweMessage({ ...EVERY_FIELD, nonce: "abcd1234" });
  assert.notEqual(parseSiweMessage(message), null);
  for (const nonce of ["abcd123", "abcd-1234", ""]) {
    assert.equal(parseSiweMessage(message.replace("abcd1234", nonce)), null, nonce);
  }
  for (const version of ["2", "11", "01", ""]) {
    assert.equal(parseSiweMessage(message.replace("Version: 1", `Version: ${version}`)), null);
  }
});

Deno.test("what is read is read alike by the published parser", () => {
  const message = siweMessage(EVERY_FIELD);
  let read = 0;
  const edit = fc.record({
    at: fc.nat(message.length),
    remove: fc.nat(3),
    insert: fc.oneof(
      fc.constantFrom("", "\n", " ", ":", "/", "- ", "0", "é", "%20", "\nResources:", "Nonce: "),
      fc.string({ maxLength: 3 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 2 }), (edits) => {
      const text = edits.reduce(
        (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
        message,
      );
      const ours = parseSiweMessage(text);
      // Its fields are compared with the gateway's own before they are used, so that a grammar of
      // URIs, times and spellings of addresses, which the published parser has, is not needed here.
      const theirs = ours && published(text);
      if (!ours || !theirs) return;
      read++;
      const { scheme, domain, address, uri, version, nonce, issuedAt } = theirs;
      assert.deepEqual(ours, {
        ...{ scheme: scheme ?? null, domain, address, uri, version, nonce, issuedAt },
        chainId: ours.chainId,
        expirationTime: theirs.expirationTime ?? null,
        notBefore: theirs.notBefore ?? null,
        resources: theirs.resources ?? [],
      });
      assert.equal(Number(ours.chainId), theirs.chainId);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(read > 50, `${read} were read by both`);
});

function published(text: string): ParsedMessage | null {
  try {
    return new ParsedMessage(text);
  } catch {
    return null;
  }
}
