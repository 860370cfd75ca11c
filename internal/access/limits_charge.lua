
local use, id = ARGV[3], ARGV[4]
local requests, most, bytes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local list = use == 'ingest' and log or reads

local wait, short = 0, 0
local count = redis.call('LLEN', list)
if requests > 0 and count >= requests then
	wait = parts(redis.call('LINDEX', list, count - requests)) + hour - now
end
if use == 'ingest' then
	local longer = wait_for_bytes(most, total, bytes, '')
	if longer > wait then
		wait, short = longer, 1
	end
end
if wait == 0 then
	redis.call('RPUSH', list, number(now) .. ' ' .. id .. ' ' .. number(bytes))
	count = count + 1
	total = total + bytes
end
keep()

local function reset(list)
	local at = last(list)
	return at > 0 and at + hour - now or 0
end
return {now, wait, short, count, reset(list), total, reset(log)}
