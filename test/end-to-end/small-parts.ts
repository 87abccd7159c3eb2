/**
 * Loaded into a server before its own modules: a package holds so few entries (`small-parts.js?entries=3`) that a small change is one of
 * several parts.
 */
import { partLimits } from '../../src/agents/work/split.ts'

Object.assign(partLimits, { maxEntries: Number(new URL(import.meta.url).searchParams.get('entries') ?? 300) })
