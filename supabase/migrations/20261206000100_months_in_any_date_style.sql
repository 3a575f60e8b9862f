-- The bounds of months are told as text, in which other styles name time zones by abbreviations that are
-- read as another zone: CST is China's, and America's.
alter function public.maintain_request_log_partitions(integer) set datestyle = 'ISO';
