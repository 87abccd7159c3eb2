/** Loaded into a server before its own modules: a package holds so few entries that a small change is one of several parts. */
import { partLimits } from '../../src/agents/work/split.ts'

Object.assign(partLimits, { maxEntries: 300 })
