-- The jobs that run by themselves, where pg_cron is there. schedule_housekeeping names them and their
-- times; schedule_maintenance is the operator's to call, who has the function's URL and key.
--
-- Hosted projects have the extension, not enabled; other servers may have its files without having
-- loaded it, in which case another scheduler does the work.
do $$
begin
  if exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then
    begin
      create extension if not exists pg_cron;
    exception when others then
      raise notice 'pg_cron cannot be enabled: %', sqlerrm;
    end;
  end if;
  perform public.schedule_housekeeping();
end;
$$;
