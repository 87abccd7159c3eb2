import { isNamedDocument } from '../../compare/content.ts'
import { maxDocumentBytes, mergedContent, needsMerge } from '../../compare/merged-content.ts'
import { Ordered } from '../../compare/ordered.ts'
import { noRules, rulesFor, type Rules } from '../../compare/rules.ts'
import { bytesOf, type Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageFile } from '../../packages/manifest.ts'
import { asChange } from '../../packages/changes.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Change, Resource } from '../../resources/resource.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from '../work/begin.ts'
import { hintOf, sidesOf } from './compare.ts'

/** A package in which what a target owns is as the target has it. */
export interface Preserved {
  readonly package: PackageFile
  /** Of so many resources the target keeps a part. */
  readonly resources: number
}

/**
 * The package as this target shall have it: of its documents the parts that the target owns stay as they are there. Undefined where
 * that is the package itself. Throws `conflict` for a target that cannot say what it holds.
 */
export async function preserved(
  parts: Parts,
  { agent, delivery, progress }: Begun,
  file: PackageFile,
  paths: readonly ResourcePath[] | undefined,
  signal: AbortSignal,
): Promise<Preserved | undefined> {
  if (agent.config.preserve.length === 0) return undefined
  const rules = rulesFor(agent.config)
  const { target } = sidesOf(agent, delivery.target)
  const pkg = await openPackage(file)
  try {
    const concerned = await documentsIn(pkg, rules, paths, hintOf(agent).hint)
    if (concerned.length === 0) return undefined
    const { command } = progress
    const origin = {
      ...{ installation: parts.installation, agent: agent.name, command: command.id, actor: command.actor },
      createdAt: new Date().toISOString(),
    }
    let resources = 0
    const kept = (): void => void resources++
    const changes = changesOf(pkg, { concerned, target, rules, hint: hintOf(agent).hint, kept, signal })
    const { id } = await parts.packages.write(pkg.header, changes, origin, signal)
    return { package: await parts.packages.file(id), resources }
  } finally {
    await pkg.close()
  }
}

async function documentsIn(
  pkg: PackageReader,
  rules: Rules,
  within: readonly ResourcePath[] | undefined,
  hint: 'openapi-path' | undefined,
): Promise<ResourcePath[]> {
  const found: ResourcePath[] = []
  for await (const entries of pkg.manifest())
    for (const entry of entries) {
      const { path } = entry
      const isWanted = within === undefined || within.some((root) => isWithin(path, root))
      if (entry.type !== 'file' || !isWanted) continue
      if (needsMerge({ path, write: 'source', size: entry.size }, rules, hint)) found.push(path)
    }
  return found
}

interface Preserving {
  readonly concerned: readonly ResourcePath[]
  readonly target: Side
  readonly rules: Rules
  readonly hint: 'openapi-path' | undefined
  readonly kept: () => void
  readonly signal: AbortSignal
}

async function* changesOf(pkg: PackageReader, preserving: Preserving): AsyncGenerator<Change> {
  const { concerned, target, rules, hint, kept, signal } = preserving
  const wanted = new Set(concerned)
  const held = new Ordered(target.pick(concerned, signal), ({ path }: Resource) => path)
  try {
    for await (const change of pkg.changes({ signal })) {
      const { path } = change.entry
      if (change.kind !== 'put' || !wanted.has(path) || rules.forPath(path) === noRules) {
        yield asChange(change)
        continue
      }
      const source = await bytesOf({ path, content: () => change.content }, maxDocumentBytes)
      const there = await held.at(path)
      const theirs = there && (await documentOf(there))
      const contents = { source: source ?? new Uint8Array(), target: theirs, base: undefined }
      const merged = mergedContent({ path, write: 'source' }, contents, rules, hint)
      if (merged?.preserved !== undefined) kept()
      yield { kind: 'put', resource: { path, content: () => merged?.bytes ?? contents.source } }
    }
  } finally {
    await held.close()
  }
}

/** What is too large is no document of which a part could be the target's, unless it is named as one. Throws `too-large`. */
async function documentOf(there: Resource): Promise<Uint8Array | undefined> {
  try {
    return await bytesOf(there, maxDocumentBytes)
  } catch (error) {
    const isBytes = error instanceof ReplicationError && error.code === 'too-large' && !isNamedDocument(there.path)
    if (isBytes) return new Uint8Array()
    throw error
  }
}
