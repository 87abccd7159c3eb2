import { Script } from './script.ts'

/*
 * What the Store keeps in Redis, below its prefix:
 *
 *   store:keys     a sorted set of all keys, each with score 0: Redis orders those by their bytes
 *   store:values   a hash: key -> JSON text
 *   store:feed     a stream, cut to its last entries: which logs a batch has appended to
 *
 * A version is the SHA-1 of the text, for that is what Lua in Redis can work out by itself. It tells one value from the
 * next; nobody gains anything by making two of his own values look alike.
 */

/** Entries of the feed that are kept: more than a follower can be behind without noticing, or it looks at everything. */
const keptInFeed = 10_000

/**
 * Commits one batch; means what `plan` in ../plan.ts does, whose words its refusals have. It works everything out before
 * the first write, so that a batch is done whole or not at all, also when Redis has no memory left for it.
 *
 * KEYS: keys, values, feed. ARGV: number of checks, then for each 'is' key version | 'none' key '' | 'atMost' key n; then
 * for each write four: 'put' key text '' | 'delete' key '' '' | 'add' key amount '' | 'append' log text index.
 * Answers { 1, appended... } | { 0, failed } | { -1, why the batch makes no sense }.
 */
export const commitScript = new Script(
  3,
  `
local keys, values, feed = KEYS[1], KEYS[2], KEYS[3]
local limit = 9007199254740991

local function counted(key, text)
  if not text then return 0 end
  local count = tonumber(text)
  if not count or count ~= math.floor(count) or math.abs(count) > limit then
    return nil, 'the entry at ' .. key .. ' is no counter'
  end
  return count
end

local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local kind, key, wanted = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local text = redis.call('HGET', values, key)
  if kind == 'atMost' then
    local count, fault = counted(key, text)
    if fault then return { -1, fault } end
    -- So that nothing is at most what is no number, as in JavaScript.
    if not (count <= tonumber(wanted)) then return { 0, key } end
  elseif kind == 'none' then
    if text then return { 0, key } end
  elseif not text or redis.sha1hex(text) ~= wanted then
    return { 0, key }
  end
  at = at + 3
end

-- The new text of each key that changes, false where it goes; 'order' has each key once.
local changes, order = {}, {}
local answer, logs, rung = { 1 }, {}, {}
local function now(key)
  local text = changes[key]
  if text == nil then return redis.call('HGET', values, key) end
  return text
end
local function change(key, text)
  if changes[key] == nil then order[#order + 1] = key end
  changes[key] = text
end

while at <= #ARGV do
  local kind, key, value, index = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if kind == 'put' then
    change(key, value)
  elseif kind == 'delete' then
    change(key, false)
  elseif kind == 'add' then
    local count, fault = counted(key, now(key))
    if fault then return { -1, fault } end
    local sum = count + tonumber(value)
    if sum ~= math.floor(sum) or math.abs(sum) > limit then
      return { -1, 'the counter ' .. key .. ' cannot count ' .. value .. ': no safe integer' }
    end
    change(key, sum ~= 0 and string.format('%.0f', sum))
  else
    local last = '~sequence/' .. key
    local count, fault = counted(last, now(last))
    if fault then return { -1, fault } end
    if count < 0 or count >= limit then return { -1, 'the entry at ' .. last .. ' is no sequence' } end
    local made = key .. '/' .. string.format('%016.0f', count + 1)
    change(last, string.format('%.0f', count + 1))
    change(made, value)
    if index ~= '' then change(index, (string.gsub(cjson.encode(made), '\\\\/', '/'))) end
    answer[#answer + 1] = made
    if not rung[key] then
      rung[key] = true
      logs[#logs + 1] = key
    end
  end
  at = at + 4
end

for i = 1, #order do
  local key = order[i]
  local text = changes[key]
  if text then
    if redis.call('HSET', values, key, text) == 1 then redis.call('ZADD', keys, 0, key) end
  elseif redis.call('HDEL', values, key) == 1 then
    redis.call('ZREM', keys, key)
  end
end
-- In portions, for a call takes no more than some 8,000 arguments.
for from = 1, #logs, 1000 do
  local ring = { 'XADD', feed, 'MAXLEN', '~', ${keptInFeed}, '*' }
  for i = from, math.min(from + 999, #logs) do
    ring[#ring + 1] = 'log'
    ring[#ring + 1] = logs[i]
  end
  redis.call(unpack(ring))
end
return answer
`,
)

/**
 * One page of entries as they are at one moment.
 *
 * KEYS: keys, values. ARGV: from, to, 'reverse' or '', how many entries, how many characters until the page is full.
 * Answers { key, text, key, text... }.
 */
export const rangeScript = new Script(
  2,
  `
local found
if ARGV[3] == 'reverse' then
  found = redis.call('ZRANGE', KEYS[1], '(' .. ARGV[2], '[' .. ARGV[1], 'BYLEX', 'REV', 'LIMIT', 0, ARGV[4])
else
  found = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[1], '(' .. ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[4])
end
local page, length, full = {}, 0, tonumber(ARGV[5])
for i = 1, #found do
  local text = redis.call('HGET', KEYS[2], found[i])
  page[#page + 1] = found[i]
  page[#page + 1] = text
  length = length + #text
  if length >= full then break end
end
return page
`,
)
