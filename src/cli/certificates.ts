import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { usage } from './ending.ts'

/** Names of files in PEM. */
export interface CertificateFiles {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** What they hold. */
export type Certificates = CertificateFiles

/** What the files hold, once it is clear that it can be used. Throws usage errors. */
export async function certificatesIn(files: CertificateFiles): Promise<Certificates | undefined> {
  const texts: Record<string, string> = {}
  for (const [name, file] of Object.entries(files) as [string, string][])
    try {
      texts[name] = await readFile(file, 'utf8')
      if (!texts[name].includes('-----BEGIN ')) throw new Error('it is not in PEM')
    } catch (error) {
      throw usage(`--${name} ${file}: ${(error as Error).message}`)
    }
  if (Object.keys(texts).length === 0) return undefined
  try {
    createSecureContext(texts)
  } catch (error) {
    const named = Object.entries(files).map(([name, file]) => `--${name} ${file}`)
    throw usage(`${named.join(' ')}: ${(error as Error).message}`)
  }
  return texts
}
