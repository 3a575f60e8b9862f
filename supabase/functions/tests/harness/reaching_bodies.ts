/** Bodies that reach from inside what no path leads to. */
import { MODEL } from "./open_paths.ts";

/** Ids of what every key of an account shares, by the paths of the kinds. */
export type SharedIds = Record<"/files" | "/containers" | "/batches" | "/presets", string>;

/** Members of a body, the feature that they are refused as, and where the refusal finds them. */
export type Reaching = [members: Record<string, unknown>, feature: string, param: string];

/** Members that reach these things, at any endpoint. */
export function reaching(shared: SharedIds): Reaching[] {
  const file = shared["/files"];
  const container = shared["/containers"];
  const preset = shared["/presets"];
  const inside = (type: string) => (tool: unknown) => ({ type, parameters: { tools: [tool] } });
  const fusion = inside("openrouter:fusion");
  const subagent = inside("openrouter:subagent");
  const tools = (tool: unknown) => ({ tools: [tool] });
  const part = (content: unknown) => ({ messages: [{ role: "user", content: [content] }] });
  return [
    [{ file_id: file }, "file", "file_id"],
    [{ file_ids: [file] }, "file", "file_ids"],
    [
      part({ type: "file", file: { file_id: file } }),
      "file",
      "messages[0].content[0].file.file_id",
    ],
    [
      part({ type: "document", source: { type: "file", file_id: file } }),
      "file",
      "messages[0].content[0].source.file_id",
    ],
    [
      { input: [{ role: "user", content: [{ type: "input_file", file_id: file }] }] },
      "file",
      "input[0].content[0].file_id",
    ],
    [
      tools({ type: "code_interpreter", container: { type: "auto", file_ids: [file] } }),
      "file",
      "tools[0].container.file_ids",
    ],
    [{ container }, "container", "container"],
    [{ container: { id: container } }, "container", "container.id"],
    [{ container_id: container }, "container", "container_id"],
    [tools({ type: "code_interpreter", container }), "container", "tools[0].container"],
    [
      tools({ type: "code_interpreter", environment: { container_id: container } }),
      "container",
      "tools[0].environment.container_id",
    ],
    [{ preset }, "preset", "preset"],
    [{ model: `@preset/${preset}` }, "preset", "model"],
    [{ model: `${MODEL}@preset/${preset}` }, "preset", "model"],
    [{ models: [MODEL, `@preset/${preset}`] }, "preset", "models[1]"],
    [{ fallbacks: [{ model: `@preset/${preset}` }] }, "preset", "fallbacks[0].model"],
    [
      tools({ type: "openrouter:advisor", parameters: { model: `@preset/${preset}` } }),
      "preset",
      "tools[0].parameters.model",
    ],
    [
      tools({ type: "file_search", vector_store_ids: ["vs_1"] }),
      "vector_store",
      "tools[0].vector_store_ids",
    ],
    ...["shell", "local_shell"].map(
      (type): Reaching => [
        {
          ...tools({ type }),
          models: ["anthropic/claude-sonnet-4.5"],
          session_id: "somebody-elses",
        },
        "openrouter:shell",
        "tools[0].type",
      ],
    ),
    ...["openrouter:files", "openrouter:shell", "openrouter:bash"].flatMap(
      (type): Reaching[] => [
        [tools({ type }), type, "tools[0].type"],
        [tools(fusion({ type })), type, "tools[0].parameters.tools[0].type"],
        [
          tools(subagent(fusion({ type }))),
          type,
          "tools[0].parameters.tools[0].parameters.tools[0].type",
        ],
      ],
    ),
  ];
}
