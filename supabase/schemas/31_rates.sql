-- The rules of rates, as functions of values. A rate is kept as one instant, until when its bucket is used
-- up: budgets (14_budgets.sql) has the algorithm.

-- As it was, where there is no rate.
create function public.used_until(
  p_used_until timestamptz,
  p_per_minute integer,
  p_calls integer,
  p_now timestamptz
)
returns timestamptz
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Whole microseconds: intervals are rounded to them, and a rate's sum of what is rounded would be
  -- longer than a minute, or shorter by a call.
  return coalesce(
    greatest(p_used_until, p_now)
      + interval '1 microsecond' * ((60000000 / p_per_minute)::bigint * p_calls),
    p_used_until
  );
end;
$$;
comment on function public.used_until is
  'Until when a bucket is used up once so many more were taken out of it.';

create function public.rate_allows(p_used_until timestamptz, p_per_minute integer, p_now timestamptz)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_per_minute is null
    or public.used_until(p_used_until, p_per_minute, 1, p_now)
      <= p_now + interval '1 microsecond' * (60000000 / p_per_minute * p_per_minute);
end;
$$;
comment on function public.rate_allows is 'Whether a rate lets one more pass.';

-- Returns {"limit", "remaining": how many pass now, "reset_ms": until the bucket is full again,
-- "retry_after_ms": until the next one passes, 0: now}.
create function public.rate_state(p_used_until timestamptz, p_per_minute integer, p_now timestamptz)
returns jsonb
language plpgsql
immutable strict
set search_path = ''
as $$
declare
  -- Microseconds: what one call takes, and what is taken.
  v_one bigint := 60000000 / p_per_minute;
  v_ahead bigint := case when p_used_until > p_now
    then extract(epoch from p_used_until - p_now) * 1000000 else 0 end;
begin
  return jsonb_build_object(
    'limit', p_per_minute,
    -- What ends at the same time can be refused more often than the bucket has room.
    'remaining', greatest(p_per_minute - (v_ahead + v_one - 1) / v_one, 0),
    'reset_ms', (v_ahead + 999) / 1000,
    'retry_after_ms', greatest((v_ahead - v_one * (p_per_minute - 1) + 999) / 1000, 0)
  );
end;
$$;
comment on function public.rate_state is
  'The state of a bucket, as answers tell it: limit, remaining, reset_ms, retry_after_ms.';
