/**
 * The options that the commands of `did` share.
 */
import { Argument, Option } from "commander";
import process from "node:process";
import { DEFAULT_FILE } from "../identity_file.ts";

/** An option that a variable gives as well; one that is empty counts as not set. */
export function orVariable(option: Option, name: string): Option {
  return process.env[name] === "" ? option : option.env(name);
}

export const fileOption = () =>
  orVariable(new Option("--file <path>", "the identity file"), "DID_FILE")
    .default(DEFAULT_FILE);

/** What says which gateway a signature is for. */
export interface GatewayOptions {
  file: string;
  gateway: string;
  audience?: string;
}

export const gatewayOptions = () => [
  orVariable(new Option("--gateway <url>", "the function's URL"), "GATEWAY_URL")
    .default("http://127.0.0.1:54321/functions/v1/openrouter-proxy"),
  new Option("--audience <text>", "the gateway's audience (default: the gateway's URL)")
    .env("GATEWAY_AUDIENCE"),
  fileOption(),
];

export const requestArguments = () => [
  new Argument("<METHOD>", "GET, HEAD, POST, PUT, PATCH or DELETE"),
  new Argument("<PATH>", "what follows the function's name, such as /api/v1/usage"),
  new Argument("[BODY]", "text, or @file"),
];

/** Notes and warnings: standard output is for the result alone. */
export const note = (line: string) => console.error(line);
