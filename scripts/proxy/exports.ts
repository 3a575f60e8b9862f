/** What to tell the tools, as lines for a POSIX shell. */

/**
 * @param url the proxy's
 * @param key a shell's word for what clients send as their key
 */
export function exportLines(url: string, key: string): string[] {
  return [
    "# The SDKs of OpenAI",
    `export OPENAI_BASE_URL=${url}/v1`,
    `export OPENAI_API_KEY=${key}`,
    `# Codex, which takes no base URL from here: codex -c openai_base_url='"${url}/v1"'`,
    `export CODEX_API_KEY=${key}`,
    "# Claude Code and the SDKs of Anthropic",
    `export ANTHROPIC_BASE_URL=${url}`,
    `export ANTHROPIC_AUTH_TOKEN=${key}`,
    "# The names of models that Claude Code has by itself are not those of OpenRouter",
    "export ANTHROPIC_MODEL=anthropic/claude-sonnet-5",
    "export ANTHROPIC_DEFAULT_HAIKU_MODEL=anthropic/claude-sonnet-5",
  ];
}
