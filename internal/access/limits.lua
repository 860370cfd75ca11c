-- What a key did in the last hour is a list of entries "time id bytes", the oldest first, and their bytes in all.
local log, sum, reads = KEYS[1], KEYS[2], KEYS[3]
local now, hour = tonumber(ARGV[1]), tonumber(ARGV[2])

if now == 0 then
	local t = redis.call('TIME')
	now = t[1] * 1000000 + t[2]
end

local function parts(entry)
	local at, id, bytes = string.match(entry, '^(%d+) (%x+) (%d+)$')
	return tonumber(at), tonumber(bytes)
end

local function last(list)
	local entry = redis.call('LINDEX', list, -1)
	return entry and parts(entry) or 0
end

-- The clock may have been set back.
now = math.max(now, last(log), last(reads))

local function slide(list)
	local gone = 0
	while true do
		local entry = redis.call('LINDEX', list, 0)
		if not entry then
			return gone
		end
		local at, bytes = parts(entry)
		if at + hour > now then
			return gone
		end
		redis.call('LPOP', list)
		gone = gone + bytes
	end
end

local gone = slide(log)
slide(reads)
local total = tonumber(redis.call('GET', sum) or '')
if redis.call('LLEN', log) == 0 then
	total = 0
elseif total then
	total = total - gone
else -- it was evicted
	total = 0
	for _, entry in ipairs(redis.call('LRANGE', log, 0, -1)) do
		local _, bytes = parts(entry)
		total = total + bytes
	end
end

local function number(n)
	return string.format('%.0f', n)
end

local function keep()
	redis.call('SET', sum, number(total), 'PX', hour / 1000)
	redis.call('PEXPIRE', log, hour / 1000)
	redis.call('PEXPIRE', reads, hour / 1000)
end

-- The time until there is room for more bytes beside those in use, which do not hold those of one entry.
local function wait_for_bytes(limit, used, more, without)
	if limit == 0 or used + more <= limit then
		return 0
	end
	for _, entry in ipairs(redis.call('LRANGE', log, 0, -1)) do
		if entry ~= without then
			local at, bytes = parts(entry)
			used = used - bytes
			if used + more <= limit then
				return at + hour - now
			end
		end
	end
	return hour
end
