import assert from "node:assert/strict";
import type { Bytes } from "../bytes/encodings.ts";
import { readForm } from "./form.ts";

const modelOfForm = (body: Bytes, contentType: string | null) => readForm(body, contentType).model;

/** A form as fetch sends it, with its content-type. */
async function formOf(...fields: [name: string, value: string | Blob][]) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  const request = new Request("https://gateway.example/", { method: "POST", body: form });
  const contentType = request.headers.get("content-type");
  return { body: new Uint8Array(await request.arrayBuffer()), contentType };
}

async function modelOf(...fields: [name: string, value: string | Blob][]) {
  const { body, contentType } = await formOf(...fields);
  return modelOfForm(body, contentType);
}

const AUDIO = new Blob([new Uint8Array(100_000)]);

Deno.test("readForm reads the field model, wherever it stands", async () => {
  assert.equal(await modelOf(["model", "openai/whisper-1"]), "openai/whisper-1");
  assert.equal(await modelOf(["file", AUDIO], ["model", "m"], ["language", "en"]), "m");
  assert.equal(await modelOf(["model", "日本"], ["file", AUDIO]), "日本");
});

Deno.test("readForm takes the last one of several, as JSON does", async () => {
  assert.equal(await modelOf(["model", "a"], ["model", "b"]), "b");
});

Deno.test("readForm finds none in other fields, and none that no model can be called", async () => {
  assert.equal(await modelOf(["prompt", 'name="model"'], ["models", "a"], ["file", AUDIO]), null);
  assert.equal(await modelOf(["model", ""]), null);
  assert.equal(await modelOf(["model", "m".repeat(5_000)]), null);
});

Deno.test("readForm takes all of a value that has empty lines in it", async () => {
  const model = "a/b\r\n\r\nc/d\r\n\r\ne/f";
  assert.equal(await modelOf(["model", model], ["language", "en"]), model);
});

Deno.test("readForm reads nothing of a body that is no form, or empty", async () => {
  const { body, contentType } = await formOf(["model", "m"]);
  for (const other of [null, "", "application/json", "multipart/mixed; boundary=x"]) {
    assert.equal(modelOfForm(body, other), null, String(other));
  }
  assert.equal(modelOfForm(new Uint8Array(), contentType), null);
});

const MODEL = 'Content-Disposition: form-data; name="model"\r\n\r\nm\r\n';

for (
  const [what, body, type = "multipart/form-data; boundary=A"] of [
    ["without a boundary", `--A\r\n${MODEL}--A--`, "multipart/form-data"],
    ["with two", `--A\r\n${MODEL}--A--`, "multipart/form-data; boundary=B; boundary=A"],
    [
      "with two, one in capitals",
      `--A\r\n${MODEL}--A--`,
      "multipart/form-data; boundary=A; BOUNDARY=B",
    ],
    [
      "with two, one quoted",
      `--A\r\n${MODEL}--A--`,
      'multipart/form-data; boundary="B";boundary=A',
    ],
    ["sent as two types", `--A\r\n${MODEL}--A--`, "multipart/form-data; boundary=A, text/plain"],
    ["that is cut", `--A\r\n${MODEL.slice(0, -2)}`],
    ["that goes on after its end", `--A\r\n${MODEL}--A--\r\n--A\r\n${MODEL}--A--\r\n`],
    ["that begins with something else", `\n--A\r\n${MODEL}--A--`],
    ["with a part between bare line feeds", `--A\r\n${MODEL.replace("m\r\n", "m\n--A\n")}--A--`],
    ["with a part between bare returns", `--A\r\n${MODEL.replace("m\r\n", "m\r--A\r")}--A--`],
    [
      "with a boundary in parts",
      `--A\r\n${MODEL}--A--`,
      "multipart/form-data; boundary=A; boundary*0=B",
    ],
    [
      "with a part that a bare line feed ends",
      `--A\r\n${MODEL.replace("m\r\n", "m\n")}--A\r\n${MODEL}--A--`,
    ],
    [
      "with a boundary behind a bare return",
      `--A\r\n${MODEL.replace("m\r\n", "m\r--A x\r\n")}--A--`,
    ],
    [
      "with a boundary behind a bare line feed",
      `--A\r\n${MODEL.replace("m\r\n", "m\n--A x\r\n")}--A--`,
    ],
    ["with a boundary that begins like its own", `--A\r\n${MODEL}--AB\r\n${MODEL}--A--`],
    [
      "with headers that end in bare line feeds",
      `--A\r\n${MODEL.replaceAll("\r\n", "\n")}\r\n--A--`,
    ],
    ["with something behind its boundary", `--A\r\n${MODEL}--Ax\n${MODEL}--A--`],
    ["with a part without a name", "--A\r\nContent-Disposition: form-data\r\n\r\nm\r\n--A--"],
    ["with a part without headers", "--A\r\n\r\nm\r\n--A--"],
    ["with two names", `--A\r\n${MODEL.replace('"model"', '"model"; x="; name=y;"')}--A--`],
    [
      "with a name in two spellings",
      `--A\r\n${MODEL.replace('"model"', "x; name*=utf-8''model")}--A--`,
    ],
    ["with an escaped name", `--A\r\n${MODEL.replace("model", "mo\\del")}--A--`],
    ["with a name in parts", `--A\r\n${MODEL.replace("name=", "name=x; name*0=")}--A--`],
    ["with a name twice", `--A\r\nContent-Disposition: form-data; name=x\r\n${MODEL}--A--`],
    ["with a header over two lines", `--A\r\n${MODEL.replace("; ", ";\r\n ")}--A--`],
    ["with an encoded field", `--A\r\nContent-Transfer-Encoding: base64\r\n${MODEL}--A--`],
    [
      "with a field in another charset",
      `--A\r\nContent-Type: text/plain; charset=utf-16\r\n${MODEL}--A--`,
    ],
  ]
) {
  Deno.test(`readForm refuses a form ${what}`, () => {
    assert.throws(() => readForm(new TextEncoder().encode(body), type!), {
      type: "invalid_request",
      message: /^the form is refused because .+: servers differ in what they make of it$/,
    });
  });
}

const UNCLEAR: [why: string, body: string, type?: string][] = [
  ["content-type does not tell its boundary once", "", "multipart/form-data; boundary="],
  [
    "content-type does not tell its boundary once",
    `--${"A".repeat(71)}\r\n${MODEL}--${"A".repeat(71)}--`,
    `multipart/form-data; boundary="${"A".repeat(71)}"`,
  ],
  [
    "content-type does not tell its boundary once",
    `--${"A".repeat(71)}\r\n${MODEL}--${"A".repeat(71)}--`,
    `multipart/form-data; boundary=${"A".repeat(71)}`,
  ],
  ["it does not begin with its boundary", `\n--A\r\n${MODEL}--A--`],
  ["it does not begin with its boundary", `xx--A\r\n${MODEL}--A--`],
  ["it does not begin with its boundary", `\r\n\n--A\r\n${MODEL}--A--`],
  ["it does not begin with its boundary", `\r\n\r--A\r\n${MODEL}--A--`],
  ["it does not begin with its boundary", `\r\nx\r\n--A\r\n${MODEL}--A--`],
  ["it does not begin with its boundary", "\r\n"],
  ["a part of it has no end", `--A\r\n${MODEL}`],
  ["a part of it has no end", `--A\r\n${MODEL.slice(0, -1)}--A--`],
  ["a part of it has no end", `--A\r\n${MODEL.slice(0, -2)}\n--A--`],
  ["a part of it has no end", `--A\r\n${MODEL.slice(0, -2)}\r--A--`],
  ["it does not end with its boundary", `--A\rx${MODEL}--A--`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A\rx${MODEL}--A--`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A x--`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A--\r\nx`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A--\r\n\r\nx`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A--\r\n\n`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A-`],
  ["it does not end with its boundary", `--A\r\n${MODEL}--A-\r\n`],
  ["a part of it has no headers, or long ones", "--A\r\n\r\nm\r\n--A--"],
  ["a header of it is more than a line", `--A\r\n${MODEL.replace("; ", ";\r\n ")}--A--`],
  ["a header of it is more than a line", `--A\r\n${MODEL.replace("; ", ";\r\n\t")}--A--`],
  ["a header of it is more than a line", `--A\r\n${MODEL.replace("; ", ";\n")}--A--`],
  ["a field of it is encoded", `--A\r\nContent-Transfer-Encoding :base64\r\n${MODEL}--A--`],
  ["a field of it is encoded", `--A\r\nContent-Transfer-Encoding:8bits\r\n${MODEL}--A--`],
  ["a field of it is not in UTF-8", `--A\r\nContent-Type:;Charset = utf-16\r\n${MODEL}--A--`],
  ["a field of it is not in UTF-8", `--A\r\ncontent-type:charset="utf-80"\r\n${MODEL}--A--`],
  ["a field of it is not in UTF-8", `--A\r\nContent-Type:;charset=iso-8859-15\r\n${MODEL}--A--`],
  [
    "a field of it is not in UTF-8",
    `--A\r\ncontent-type: text/plain; charset = "ISO-8859-1"\r\n${MODEL.trimEnd()}\u00e9\r\n--A--`,
  ],
  ["a part of it does not tell its name once", "--A\r\nx: y\r\n\r\nm\r\n--A--"],
  [
    "a part of it does not tell its name once",
    `--A\r\n${MODEL.replace("name=", "Name*=x; name=")}--A--`,
  ],
];

for (const [why, body, type = "multipart/form-data; boundary=A"] of UNCLEAR) {
  Deno.test(`readForm says of ${JSON.stringify(body.slice(0, 60))} that ${why}`, () => {
    assert.throws(() => readForm(new TextEncoder().encode(body || "x"), type), {
      type: "invalid_request",
      message: `the form is refused because ${why}: servers differ in what they make of it`,
    });
  });
}

Deno.test("readForm takes headers that only look like those it refuses", () => {
  for (
    const header of [
      "X-Content-Transfer-Encoding: base64",
      "X-Content-Type: text/plain; charset=utf-16",
      "X-Content-Disposition: form-data; name=x",
      "Content-Transfer-Encoding:7bit ",
      "Content-Type: text/plain;charset=UTF8",
      'Content-Type: text/plain; charset="us-ascii"',
      "Content-Type:charset= utf-8",
      "Content-Type: text/plain; charset=ISO-8859-1",
      "X: the  name is y",
    ]
  ) {
    const body = new TextEncoder().encode(`--A\r\n${header}\r\n${MODEL}--A--`);
    assert.equal(modelOfForm(body, "multipart/form-data;Boundary = A"), "m", header);
  }
});

Deno.test("readForm takes boundaries of 1 and of 70 characters, and no other content-type for a form", () => {
  for (const boundary of ["A", "A".repeat(70)]) {
    for (const written of [boundary, `"${boundary}"`]) {
      const body = new TextEncoder().encode(`--${boundary}\r\n${MODEL}--${boundary}--`);
      assert.equal(modelOfForm(body, `multipart/form-data; boundary=${written}`), "m");
      assert.equal(modelOfForm(body, `x-multipart/form-data; boundary=${written}`), null);
    }
  }
});

Deno.test("readForm reads a body that is a part of its buffer", () => {
  const whole = new TextEncoder().encode(`xx--A\r\n${MODEL}--A--xx`);
  assert.equal(modelOfForm(whole.subarray(2, -2), "multipart/form-data; boundary=A"), "m");
});

Deno.test("readForm refuses a form of more parts than any has", () => {
  const bytesOf = (parts: number) =>
    new TextEncoder().encode(`--A\r\n${MODEL}`.repeat(parts) + "--A--");
  const type = "multipart/form-data; boundary=A";
  assert.equal(modelOfForm(bytesOf(1_000), type), "m");
  assert.throws(() => readForm(bytesOf(1_001), type), {
    type: "invalid_request",
    message: "the form has over 1000 parts",
  });
});

Deno.test("readForm reads a model of 4 KiB at most, and headers as long, with the line that ends them", () => {
  const type = "multipart/form-data; boundary=A";
  const form = (part: string) => new TextEncoder().encode(`--A\r\n${part}\r\n--A--`);
  const bare = MODEL.replace(/m\r\n$/, "");
  const long = "m".repeat(4_096);
  assert.equal(modelOfForm(form(bare + long), type), long);
  assert.equal(modelOfForm(form(`${bare}${long}m`), type), null);
  const headed = (bytes: number) => `X: ${"x".repeat(bytes - bare.length - 5)}\r\n${bare}m`;
  assert.equal(headed(4_096).indexOf("\r\n\r\n"), 4_092);
  assert.equal(modelOfForm(form(headed(4_096)), type), "m");
  assert.throws(() => modelOfForm(form(headed(4_097)), type), /no headers, or long ones/);
});

Deno.test("readForm takes forms as clients write them", () => {
  const file = (head: string) =>
    `--A\r\n${head}\r\nContent-Type: audio/mpeg\r\n\r\n\0--A x\n\r\n--A\r\n${MODEL}--A--\r\n`;
  for (
    const head of [
      'Content-Disposition: form-data; name="file"; filename="name; it\'s \\"b\\".mp3"',
      "Content-Disposition: form-data; name=file; filename=a.mp3; filename*=utf-8''a.mp3",
      'content-disposition:form-data;filename="a.mp3";name="file"',
      'Content-Disposition: form-data; name="file"\r\nContent-Transfer-Encoding: binary',
      'Content-Type: text/plain; charset="UTF-8"\r\nContent-Disposition: form-data; name="file"',
    ]
  ) {
    const bytes = new TextEncoder().encode(file(head));
    assert.equal(modelOfForm(bytes, "Multipart/Form-Data; boundary=A; charset=utf-8"), "m", head);
  }
});

Deno.test("readForm takes a form before and behind which there are line ends alone", () => {
  for (const before of [0, 1, 2, 5]) {
    for (const behind of [0, 1, 2, 5]) {
      const [head, tail] = [before, behind].map((lineEnds) => "\r\n".repeat(lineEnds));
      const bytes = new TextEncoder().encode(`${head}--A\r\n${MODEL}--A--${tail}`);
      assert.equal(modelOfForm(bytes, "multipart/form-data; boundary=A"), "m");
    }
  }
});

Deno.test("readForm takes a boundary in quotes, and a field's name without", () => {
  const body = "--a b\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--a b--\r\n";
  const type = 'multipart/form-data; charset=utf-8; boundary="a b"';
  assert.equal(modelOfForm(new TextEncoder().encode(body), type), "m");
});

Deno.test("readForm takes a boundary of bytes beyond ASCII, each of which is a character of its header", () => {
  const body = `--\u00e9\r\n${MODEL}--\u00e9--`;
  const bytes = Uint8Array.from(body, (character) => character.charCodeAt(0));
  assert.equal(modelOfForm(bytes, "multipart/form-data; boundary=\u00e9"), "m");
});

Deno.test("readForm finds what reaches beyond the caller, as in a JSON body", async () => {
  const reached = async (...fields: [name: string, value: string | Blob][]) => {
    const { body, contentType } = await formOf(...fields);
    const { sharedFeatures } = readForm(body, contentType);
    return sharedFeatures.map(({ feature, param }) => `${feature} at ${param}`);
  };
  assert.deepEqual(await reached(["model", "@preset/mine"]), ["preset at model"]);
  assert.deepEqual(await reached(["model", "@preset/a"], ["model", "b"]), ["preset at model"]);
  assert.deepEqual(await reached(["preset", "a"], ["preset", "b"]), ["preset at preset"]);
  assert.deepEqual(await reached(["file_id", "file-1"]), ["file at file_id"]);
  assert.deepEqual(await reached(["file_ids[]", "file-1"]), ["file at file_ids[]"]);
  assert.deepEqual(await reached(["container", "cntr_1"], ["preset", "p"]), [
    "container at container",
    "preset at preset",
  ]);
  assert.deepEqual(await reached(["container", ""], ["preset", ""], ["model", "m"]), []);
  assert.deepEqual(await reached(["prompt", "@preset/mine"], ["file", AUDIO]), []);
  // What is too long to be read may lead anywhere.
  const long = `${" ".repeat(5_000)}@preset/mine`;
  assert.deepEqual(await reached(["model", long]), ["preset at model"]);
  assert.deepEqual(await reached(["prompt", long]), []);
});
