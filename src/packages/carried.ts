/** What one delta carries, and another of the same package. */
import { ReplicationError } from '../errors.ts'
import type { Change } from '../resources/resource.ts'
import { asChange, changesIn } from './changes.ts'
import type { PackageLimits } from './limits.ts'
import { fileAccess } from './random-access.ts'
import type { PackageReader } from './reader.ts'
import { zipEntries } from './zip-directory.ts'
import { readZipEnd } from './zip-end.ts'
import { openPackage } from './read.ts'

/** Whether the first of two files has all contents that the second has. Both are deltas of one package, and thus in its order. */
export async function carriesAtLeast(file: string, other: string): Promise<boolean> {
  const [names, others] = [namesIn(file), namesIn(other)]
  try {
    for await (const wanted of others)
      for (;;) {
        const { done, value } = await names.next()
        if (done === true) return false
        if (value.equals(wanted)) break
      }
    return true
  } finally {
    await names.return()
  }
}

/** Of its content. */
async function* namesIn(file: string): AsyncGenerator<Buffer, void, void> {
  const access = await fileAccess(file)
  try {
    for await (const { name } of zipEntries(access, await readZipEnd(access)))
      if (name.toString('latin1', 0, contentStart.length) === contentStart) yield name
  } finally {
    await access.close()
  }
}

const contentStart = 'jcr_root/'

/** The changes of both: a content is held only where neither has it. Their contents are read until `close`. */
export async function unionOf(
  files: readonly [string, string],
  limits: PackageLimits,
): Promise<{ readonly changes: AsyncGenerator<Change>; close(): Promise<void> }> {
  const first = await openPackage(files[0], limits)
  const second = await openPackage(files[1], limits).catch(async (error: unknown) => {
    await first.close()
    throw error
  })
  return {
    changes: joined(first, second),
    close: async () => {
      await Promise.all([first.close(), second.close()])
    },
  }
}

async function* joined(first: PackageReader, second: PackageReader): AsyncGenerator<Change> {
  const others = changesIn(second)
  try {
    for await (const one of changesIn(first)) {
      const { value: other } = await others.next()
      if (other?.entry.path !== one.entry.path)
        throw new ReplicationError('corrupt', `package ${first.id}: another one says that it is the same`)
      const had = one.kind === 'held' ? other : one
      if (one.kind === 'put' && other.kind === 'put' && !Buffer.isBuffer(other.content)) other.content.destroy()
      yield asChange(had)
    }
  } finally {
    await others.return()
  }
}
