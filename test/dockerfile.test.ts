/** The Dockerfile, read and followed by hand: no Docker is needed. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { after, test } from 'node:test'
import { Copy } from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import { buildImage, copyOf, dockerfile, imageConfig, repository, stages } from './image.ts'

interface Manifest {
  readonly engines: { readonly node: string }
  readonly scripts: Readonly<Record<string, string>>
}
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Manifest

const folder = mkdtempSync(join(tmpdir(), 'image-'))
after(() => rmSync(folder, { recursive: true }))

test('a validator finds nothing wrong with the Dockerfile', () => {
  assert.ok(validate('FORM node').length > 0, 'the validator finds nothing at all')
  assert.deepEqual(
    validate(dockerfile).map(({ message, range }) => ({ line: range.start.line + 1, message })),
    [],
  )
})

test('what the Dockerfile copies is enough to build, and the image has what it starts', () => {
  const root = buildImage(folder)
  const { command, workdir } = imageConfig()
  const script = command.at(-1) ?? ''
  assert.ok(statSync(join(root, workdir, script)).isFile(), `${script} is not built`)
  // src/app.ts and src/cli/main.ts read it from there.
  assert.ok(statSync(join(root, workdir, 'package.json')).isFile())
})

test('stages are copied from only after they were built', () => {
  const before = new Set<string>()
  for (const { name, instructions } of stages()) {
    for (const instruction of instructions.filter((one) => one instanceof Copy)) {
      const { from } = copyOf(instruction)
      assert.ok(from === undefined || before.has(from), `${name} copies from ${from}`)
    }
    before.add(name)
  }
})

test('the image starts Node.js itself, with the flags of npm start', () => {
  const { command } = imageConfig()
  assert.equal(`exec ${command.join(' ')}`, manifest.scripts['start'])
})

test('the image has production dependencies only, and no package runs scripts while it is built', () => {
  const installs = stages().flatMap(({ name, instructions }) =>
    instructions
      .map((one) => one.getRawArgumentsContent() ?? '')
      .filter((text) => text.startsWith('npm ci'))
      .map((text) => ({ name, text })),
  )
  for (const { text } of installs) assert.match(text, / --ignore-scripts\b/)
  const modules = stages()
    .at(-1)
    ?.instructions.filter((one) => one instanceof Copy)
    .map(copyOf)
    .find(({ sources }) => sources.some((source) => source.endsWith('node_modules')))
  const source = installs.find(({ name }) => name === modules?.from)
  assert.match(source?.text ?? '', / --omit=dev\b/, `node_modules come from ${modules?.from}`)
})

test('every stage begins from the line of Node.js that the tests run on, which the server admits', () => {
  const tested = /"node-.*@(\d+)"/.exec(readFileSync(join(repository, '.ci/run'), 'utf8'))?.[1]
  const [, oldest] = /^>=(\d+)\./.exec(manifest.engines.node) ?? []
  assert.ok(Number(tested) >= Number(oldest))
  for (const { from } of stages()) assert.equal(from, `node:${tested}-slim`)
})

test('the server is not root in its container', () => {
  const { user } = imageConfig()
  assert.match(user, /^[1-9]\d*:[1-9]\d*$/, 'by number, so that it can be checked from outside')
})

test('the health check asks whether the server is ready, where the server listens', () => {
  const { healthCheck, environment } = imageConfig()
  assert.equal(healthCheck[0], 'node')
  assert.match(healthCheck.at(-1) ?? '', /:\/\/127\.0\.0\.1:\$\{process\.env\.PORT\}\/health\/ready`/)
  assert.match(environment['PORT'] ?? '', /^\d+$/)
  assert.equal(environment['HOST'], '0.0.0.0', 'whoever is outside of the container could not reach it otherwise')
})

test('the folders that volumes are mounted on belong to the server', () => {
  const { folders, user } = imageConfig()
  assert.ok(folders.length > 0)
  for (const { path, owner } of folders) {
    assert.ok(posix.isAbsolute(path))
    assert.equal(owner, user, path)
  }
})
