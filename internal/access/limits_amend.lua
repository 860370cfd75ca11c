
local entry, bytes, most = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local list = ARGV[6] == 'ingest' and log or reads
local at, old = parts(entry)
local index = redis.call('LPOS', list, entry)
if not index then
	keep()
	return {now, 0}
end
if bytes < 0 then
	redis.call('LREM', list, 1, entry)
	total = total - old
	keep()
	return {now, 0}
end
if bytes > old then
	local wait = wait_for_bytes(most, total - old, bytes, entry)
	if wait > 0 then
		keep()
		return {now, wait}
	end
end
local _, id = string.match(entry, '^(%d+) (%x+)')
redis.call('LSET', list, index, number(at) .. ' ' .. id .. ' ' .. number(bytes))
total = total - old + bytes
keep()
return {now, 0}
