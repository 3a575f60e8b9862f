/** Members whose values are looked at in a way of their own. */
import type { JsonVisitor } from "../bytes/json_scanner.ts";
import type { Asked } from "./asked.ts";
import type { Report } from "./findings.ts";
import { MAX_TEXT_BYTES, presenceBeside, taking, takingText } from "./takings.ts";

/** A reference to what exists already, whatever its value. @param found is called unless it says nothing */
export function reference(found: () => void): JsonVisitor {
  return {
    take: {
      maxBytes: MAX_TEXT_BYTES,
      text: (json) => {
        if (json === null || !/^(?:null|""|\[\s*\])$/.test(json)) found();
      },
    },
  };
}

/** `previous_job_id`. */
export function previousJob(report: Report, where: () => string): JsonVisitor {
  return {
    take: {
      maxBytes: MAX_TEXT_BYTES,
      text: (json) => {
        const id: unknown = json === null ? {} : JSON.parse(json);
        // It names none, as other references that are empty.
        if (id === null || id === "") return;
        // Postgres holds no NUL.
        if (typeof id === "string" && !id.includes("\0")) report.jobId(id.toWellFormed());
        else report.noJobId(where);
      },
    },
  };
}

/**
 * `mcp_servers`, whose tools the provider runs, listed among the tools or not.
 *
 * @param others looks at whatever else is in it
 * @param use is called unless it names none
 */
export function mcpServers(others: JsonVisitor, use: () => void): JsonVisitor {
  return {
    ...presenceBeside(others, use),
    begin: (at, isObject) => others.begin?.(at, isObject),
    end(at, isEmpty) {
      if (!isEmpty) use();
      others.end?.(at, isEmpty);
    },
  };
}

/** `sort` of `provider`, a text or an object with the member `by`. */
export function sorting(asked: Asked): JsonVisitor {
  const by: JsonVisitor = { scalar: takingText((text) => asked.sorted(text)) };
  return { ...by, member: (name) => name === "by" ? by : null };
}

/** `order` and `only` of `provider`, lists of providers. */
export function providers(asked: Asked): JsonVisitor {
  const provider: JsonVisitor = { scalar: takingText((text) => asked.servedBy(text)) };
  return { ...provider, item: () => provider };
}

/**
 * `cache_control`: what is not certainly kept for 5 minutes is taken for what is kept longer.
 *
 * @param others looks at whatever else is in it
 */
export function cacheControl(asked: Asked, others: JsonVisitor): JsonVisitor {
  const ttl = taking((json) => {
    if (json !== '"5m"' && json !== "null") asked.cached("long");
  });
  return {
    ...presenceBeside(others, () => asked.cached("short")),
    member: (name) => name === "ttl" ? { scalar: ttl } : others.member?.(name) ?? null,
  };
}
