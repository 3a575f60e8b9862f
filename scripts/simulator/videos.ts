/**
 * `POST /videos`, `GET /videos/:id` and its content: a job that is charged when it is completed,
 * whoever looks.
 *
 * Source: openrouter.md, "Where usage sits, by endpoint".
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import type { FaultName, Faults } from "./faults.ts";
import { Generation } from "./generation.ts";
import { newGenerationId } from "./ledger.ts";
import { cost, told } from "./usage.ts";

const DEFAULT_VIDEO_SECONDS = 8;

/** A job; what it is charged is in its generation, once that is settled. */
export interface VideoJob {
  id: string;
  generation: Generation;
  /** Polls that find it unfinished still. */
  pendingPolls: number;
  /** How it ends; all but `completed` are free. */
  end: string;
  /** The faults of the call that ordered it; they hold for its polls too. */
  faults: Faults;
}

/** `POST /videos`. */
export function createVideo(call: Call): Answer {
  const { body, faults, ledger } = call;
  if (typeof body.prompt !== "string") throw apiError(400, "prompt is required");
  const units = typeof body.duration === "number" ? body.duration : DEFAULT_VIDEO_SECONDS;
  const job: VideoJob = {
    id: newGenerationId("gen-vid"),
    generation: new Generation(call, { prompt: 0, units }, false),
    pendingPolls: faults.number("pending") ?? 0,
    end: faults.text("job") ?? "completed",
    faults,
  };
  ledger.videos.set(job.id, job);
  if (job.pendingPolls === 0) finish(job);
  return json(
    { id: job.id, polling_url: `${root(job, call)}/videos/${job.id}`, status: "pending" },
    job.generation.headers,
    202,
  );
}

/** `GET /videos/:id`: usage once it is completed. */
export function video(call: Call): Answer {
  const job = jobOf(call);
  const { id, generation, end } = job;
  const url = `${root(job, call)}/videos/${id}`;
  const base = { id, polling_url: url, generation_id: generation.id };
  if (job.pendingPolls > 0) {
    job.pendingPolls--;
    return json({ ...base, status: "in_progress" });
  }
  finish(job);
  if (end !== "completed") return json({ ...base, status: end, error: `The job was ${end}` });
  const figures = generation.settle();
  const usage = told(
    { cost: cost(figures.cost, call.faults), is_byok: figures.isByok },
    call.faults,
  );
  return json({
    ...base,
    status: end,
    unsigned_urls: [`${url}/content?index=0`],
    ...(has("no-usage", job, call) ? {} : { usage }),
  });
}

/** `GET /videos/:id/content`: the video, which says nothing of its cost. */
export function videoContent(call: Call): Answer {
  const job = jobOf(call);
  if (job.pendingPolls > 0 || job.end !== "completed") {
    throw apiError(400, "Video generation is not completed yet");
  }
  finish(job);
  const body = new TextEncoder().encode("\0\0\0\x18ftypmp42");
  return { status: 200, headers: { "Content-Type": "video/mp4" }, body };
}

function finish({ generation, end }: VideoJob): void {
  if (end === "completed") generation.settle();
  else generation.fail();
}

function jobOf({ parameter: id, ledger }: Call): VideoJob {
  const job = ledger.videos.get(id);
  if (job === undefined) throw apiError(404, `Video ${id} not found`);
  return job;
}

/** Where a job's URLs begin: its path alone, or with the host that was asked. */
function root(job: VideoJob, call: Call): string {
  return (has("absolute-urls", job, call) ? `http://${call.headers.host}` : "") + "/api/v1";
}

function has(fault: FaultName, job: VideoJob, call: Call): boolean {
  return job.faults.has(fault) || call.faults.has(fault);
}
