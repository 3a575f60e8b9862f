/**
 * Which models make images and videos, and what each of them takes.
 *
 * Source: openrouter.md, "Endpoints"; `@openrouter/sdk`, whose validators know every member.
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { findModel, slugOf, withOutput } from "./catalogue.ts";

const OF_IMAGES = {
  supported_parameters: {
    aspect_ratio: { type: "enum", values: ["1:1", "16:9"] },
    n: { type: "range", min: 1, max: 10 },
  },
  supports_streaming: true,
};

const OF_VIDEOS = {
  allowed_passthrough_parameters: [],
  creativity: null,
  generate_audio: true,
  seed: true,
  supported_aspect_ratios: ["16:9"],
  supported_durations: [4, 8],
  supported_frame_images: ["first_frame"],
  supported_resolutions: ["720p"],
  supported_sizes: ["1280x720"],
  upscale_factor: null,
};

/** `GET /images/models`. */
export function imageModels(): Answer {
  return json({
    data: withOutput("image").map(({ id, name, description, created, architecture }) => ({
      id,
      name,
      description,
      created,
      architecture,
      endpoints: `/api/v1/images/models/${id}/endpoints`,
      ...OF_IMAGES,
    })),
  });
}

/** `GET /images/models/:author/:slug/endpoints`: one provider for each model. */
export function imageModelEndpoints({ parameter }: Call): Answer {
  const { id, provider, imageOutput, completion } = findModel(parameter);
  const price = Number(imageOutput ?? completion);
  return json({
    id,
    endpoints: [{
      provider_name: provider,
      provider_slug: slugOf(provider),
      provider_tag: slugOf(provider),
      pricing: [{ billable: "output_image", unit: "token", cost_usd: price }],
      allowed_passthrough_parameters: [],
      ...OF_IMAGES,
    }],
  });
}

/** `GET /videos/models`. */
export function videoModels(): Answer {
  return json({
    data: withOutput("video").map(({ id, name, description, created }) => {
      const { unit } = findModel(id);
      return {
        id,
        canonical_slug: id,
        name,
        description,
        created,
        pricing_skus: unit === undefined ? null : { duration_seconds: unit },
        ...OF_VIDEOS,
      };
    }),
  });
}
