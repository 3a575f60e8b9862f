/** The coding agents that are tried: their versions, and how each runs without a terminal. */
import { runToEnd } from "../../../../scripts/run_to_end.ts";
import { putDid } from "../harness/did_stub.ts";
import { recipe } from "../harness/recipes.ts";

export interface CodingAgent {
  /** As docs/clients.md calls it. */
  title: string;
  /** The recipe with a token that is not renewed. */
  titleOfOneToken: string;
  /** How often it asks at most while its token is refused. */
  mostRefusals: number;
  /** What npm installs. */
  package: string;
  program: string;
  /** The path below OpenRouter's API that it calls. */
  endpoint: string;
  model: string;
  /** How its prompt gives the arguments of its shell tool: see the simulator's tool_calls.ts. */
  shell: (command: string) => string;
  /** What follows the recipe's command line. */
  args: (prompt: string) => string[];
  /** Added to the environment: no telemetry, no updates. */
  env: (home: string) => Record<string, string>;
  /** The recipe's file of settings: its language in docs/clients.md, and its path below the home. */
  settings: { language: string; path: string } | null;
}

export const CODING_AGENTS: CodingAgent[] = [
  {
    title: "Claude Code",
    titleOfOneToken: "Claude Code for an hour",
    mostRefusals: 1,
    package: "@anthropic-ai/claude-code@2.1.332",
    program: "claude",
    endpoint: "/messages",
    model: "anthropic/claude-sonnet-5",
    shell: (command) => `Bash(${JSON.stringify({ command })})`,
    args: (prompt) => ["-p", prompt, "--allowedTools", "Bash", "--output-format", "json"],
    env: (home) => ({
      CLAUDE_CONFIG_DIR: `${home}/.claude`,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    }),
    settings: null,
  },
  {
    title: "Codex",
    titleOfOneToken: "Codex",
    // It tries each of its six attempts again with new tokens.
    mostRefusals: 18,
    package: "@openai/codex@0.171.0",
    program: "codex",
    endpoint: "/responses",
    model: "openai/gpt-4o-mini",
    shell: (cmd) => `exec_command(${JSON.stringify({ cmd })})`,
    args: (prompt) => [
      ...["exec", "--json", "--skip-git-repo-check"],
      // Most containers cannot have its sandbox. What runs in it is the test's own command.
      ...["--sandbox", "danger-full-access"],
      ...["-c", "analytics.enabled=false", "-c", "check_for_update_on_startup=false"],
      prompt,
    ],
    env: (home) => ({ CODEX_HOME: `${home}/.codex` }),
    settings: { language: "toml", path: ".codex/config.toml" },
  },
  {
    title: "opencode",
    titleOfOneToken: "opencode",
    // One of them for the title of the session.
    mostRefusals: 2,
    package: "opencode-ai@1.18.33",
    program: "opencode",
    endpoint: "/chat/completions",
    model: "openai/gpt-4o-mini",
    shell: (command) => `bash(${JSON.stringify({ command })})`,
    // It puts quotation marks around an argument with spaces, and escapes those within.
    args: (prompt) => ["run", "--format", "json", ...prompt.split(" ")],
    env: (home) => ({
      XDG_CONFIG_HOME: `${home}/.config`,
      XDG_DATA_HOME: `${home}/.local/share`,
      XDG_STATE_HOME: `${home}/.local/state`,
      XDG_CACHE_HOME: `${home}/.cache`,
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
    }),
    settings: { language: "json", path: ".config/opencode/opencode.json" },
  },
];

/** Installs all of them into a folder. @returns the folder of their programs */
export async function installAgents(folder: string): Promise<string> {
  const { success, stderr } = await runToEnd("npm", {
    args: [
      ...["install", "--prefix", folder, "--no-audit", "--no-fund", "--no-save"],
      ...CODING_AGENTS.map((agent) => agent.package),
    ],
    stdin: "null",
  });
  if (!success) throw new Error(`npm install failed:\n${stderr}`);
  return `${folder}/node_modules/.bin`;
}

export interface RunningAgent {
  /** Where it works. */
  folder: string;
  /** What Ctrl-C does. */
  interrupt(): void;
  ended: Promise<{ code: number; output: string }>;
}

/**
 * Starts an agent by a recipe, in a home of its own that goes when it is disposed of.
 *
 * @param programs the folder of installAgents
 * @param title of the recipe; the agent's own by default
 * @param tokens what `did token` prints, call by call; the last one from then on
 */
export async function startAgent(
  agent: CodingAgent,
  { programs, gatewayUrl, tokens, prompt, title = agent.title }: {
    programs: string;
    gatewayUrl: string;
    tokens: string[];
    prompt: string;
    title?: string;
  },
): Promise<RunningAgent & AsyncDisposable> {
  const home = await Deno.makeTempDir();
  const folder = `${home}/work`;
  await Deno.mkdir(folder);
  await Deno.mkdir(`${home}/bin`);
  await putDid(`${home}/bin`, tokens);
  if (agent.settings !== null) {
    const path = `${home}/${agent.settings.path}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, recipe(agent.title, agent.settings.language, gatewayUrl));
  }
  const commands = recipe(title, "sh", gatewayUrl)
    // Otherwise the shell might stand between a signal and the agent.
    .replace(new RegExp(`\\b${agent.program}\\b(?=[^\\n]*$)`), `exec ${agent.program}`);
  const child = new Deno.Command("sh", {
    args: ["-ec", `${commands} "$@"`, "sh", ...agent.args(prompt)],
    cwd: folder,
    clearEnv: true,
    env: {
      HOME: home,
      PATH: `${home}/bin:${programs}:${Deno.env.get("PATH")}`,
      // Nobody listens there: the agents talk to the gateway alone.
      HTTPS_PROXY: "http://127.0.0.1:9",
      HTTP_PROXY: "http://127.0.0.1:9",
      NO_PROXY: "127.0.0.1,localhost",
      ...agent.env(home),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ended = child.output().then(({ code, stdout, stderr }) => ({
    code,
    output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr),
  }));
  return {
    folder,
    ended,
    interrupt: () => child.kill("SIGINT"),
    async [Symbol.asyncDispose]() {
      await ended;
      await Deno.remove(home, { recursive: true });
    },
  };
}
