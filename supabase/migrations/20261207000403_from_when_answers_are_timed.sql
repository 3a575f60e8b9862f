-- A first byte is timed from the receipt and an end from the admission, which is after the whole body and the
-- making of a key: of a first call the end can seem to come before the first byte.
comment on column public.usage_hourly.first_byte_ms is
  'How many completed requests had their first byte how long after the gateway''s receipt: the i-th number counts those from 2^((i-1)/2) ms to below 2^(i/2) ms, the first also shorter ones, the last longer ones.';
comment on column public.usage_hourly.duration_ms is
  'The same of the time from their admission to their end; of the same requests.';
comment on view public.usage_latency is
  'How long completed answers took, per DID, UTC day and model, of the last 62 days: percentiles to the first byte, from the receipt, and to the end, from the admission, within a factor of 1.42. A body that comes slowly, and the key of a first call, are before the admission.';
comment on column public.usage_latency.first_byte_p50_ms is
  'Half of them had their first byte within so many milliseconds of the gateway''s receipt.';
comment on column public.usage_latency.duration_p50_ms is
  'Half of them had ended within so many milliseconds of their admission.';
