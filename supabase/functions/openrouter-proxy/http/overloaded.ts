/** The refusals of requests that the gateway has no room for: for their bodies, or in its books. */
import { GatewayError } from "../errors.ts";

export function tooMany(): GatewayError {
  return overloaded("the gateway is receiving too many requests at once; try again");
}

export function tooSlow(): GatewayError {
  return overloaded(
    "the request body came too slowly while the gateway was receiving too many at once; try again",
  );
}

export function tooFarBehind(): GatewayError {
  return overloaded(
    "too many calls are under way, or wait to be booked; nothing was forwarded, try again",
  );
}

function overloaded(message: string): GatewayError {
  return new GatewayError("overloaded", message, { headers: { "retry-after": "1" } });
}
