import { handlerFromEnv } from "./runtime.ts";

Deno.serve(handlerFromEnv(Deno.env));
