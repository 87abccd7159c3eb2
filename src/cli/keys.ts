import type { Command } from 'commander'
import { generateKeyPairSync, createPublicKey, type KeyObject } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { defaultLimits } from '../packages/limits.ts'
import type { Carried } from '../packages/manifest.ts'
import { openPackage } from '../packages/read.ts'
import { judge, keyId, keysIn } from '../packages/signatures.ts'
import { Ending, exitCodes, guarded } from './ending.ts'
import { print, say } from './say.ts'
import { listed } from './client/options.ts'

const verifyHelp = `
Reads all of the package: that each byte is what its manifest says, and that it stays within the usual limits. With --key, that
each of these keys has signed it too. Asks no server.

Exit status: 0 when the package is whole and has these signatures, 1 when not, or when it cannot be read, 2 for wrong usage.`

/** `trebuchet key …`: what packages are signed with. */
export function addKeyCommands(program: Command): void {
  const group = program.command('key').description('Makes the keys that packages are signed with.')
  group
    .command('create')
    .description('Writes a new private key to FILE, for SIGNING_KEY_FILE, and prints its id and its public key.')
    .argument('<FILE>', 'must not be there yet; its owner alone can read it')
    .action((file: string) => guarded('interrupted', () => create(file)))
  group
    .command('id')
    .description('Prints the id of each key in FILE, private or public.')
    .argument('<FILE>')
    .action((file: string) =>
      guarded('interrupted', async () => {
        for (const key of await keysOf(file)) await print(`${keyId(key)}\n`)
      }),
    )
}

/** `trebuchet package verify` */
export function addVerifyCommand(group: Command): void {
  group
    .command('verify')
    .description('Checks a package that is a file here.')
    .argument('<FILE>', 'the zip')
    .option('--key <FILE>', 'a public key in PEM that must have signed it; can be repeated', listed, [])
    .addHelpText('after', verifyHelp)
    .action((file: string, { key }: { key: readonly string[] }) =>
      guarded('interrupted', (signal) => verifyFile(file, key, signal)),
    )
}

async function create(file: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await handle.sync()
  } finally {
    await handle.close()
  }
  say(`the key ${keyId(publicKey)} is in ${file}; below is its public half, for TRUSTED_KEYS`)
  await print(`${keyId(publicKey)}\n${String(publicKey.export({ type: 'spki', format: 'pem' }))}`)
}

async function keysOf(file: string): Promise<KeyObject[]> {
  const text = await readFile(file, 'utf8')
  return keysIn(text, file, text.includes('PRIVATE KEY') ? 'PRIVATE KEY' : 'PUBLIC KEY')
}

async function verifyFile(file: string, keyFiles: readonly string[], signal: AbortSignal): Promise<void> {
  const keys = (await Promise.all(keyFiles.map((one) => keysOf(one)))).flat()
  const trusted = new Map(keys.map((key) => [keyId(key), key.type === 'private' ? createPublicKey(key) : key]))
  const pkg = await openPackage(file, defaultLimits)
  try {
    const { bytes, carries } = await pkg.verify(signal)
    const signatures = judge(pkg.id, pkg.origin?.signatures ?? [], { trusted })
    const lines = signatures.map(({ key, state }) => `signature ${key} ${state}\n`)
    await print(
      `${pkg.id}\nentries ${pkg.entryCount}\nbytes ${bytes}\n${carries === undefined ? '' : `carries ${carriedText(carries)}\n`}${lines.join('')}`,
    )
    const valid = new Set(signatures.filter(({ state }) => state === 'valid').map(({ key }) => key))
    const missing = [...trusted.keys()].filter((key) => !valid.has(key))
    if (missing.length > 0)
      throw new Ending(exitCodes.failed, `the package is whole, but it lacks a signature of ${missing.join(', ')}`)
  } finally {
    await pkg.close()
  }
}

/** Of a delta, whose targets must hold the rest. */
export function carriedText({ files, bytes, ofFiles }: Carried): string {
  return `${files} of ${ofFiles} files, ${bytes} bytes`
}
