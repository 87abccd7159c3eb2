/** The Dockerfile, and the image that comes of it as far as that goes by hand: without Docker, and without the network. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, join, posix, resolve } from 'node:path'
import { Cmd, Copy, DockerfileParser, Env, From, type Instruction } from 'dockerfile-ast'

export const repository = resolve(import.meta.dirname, '../..')
export const dockerfile = readFileSync(join(repository, 'Dockerfile'), 'utf8')

export interface Stage {
  readonly name: string
  /** What it begins from: `node:24-slim`. */
  readonly from: string
  readonly instructions: readonly Instruction[]
}

export function stages(): readonly Stage[] {
  const found: { name: string; from: string; instructions: Instruction[] }[] = []
  for (const instruction of DockerfileParser.parse(dockerfile).getInstructions()) {
    if (instruction instanceof From) {
      const name = instruction.getBuildStage() ?? String(found.length)
      found.push({ name, from: instruction.getImage() ?? '', instructions: [] })
    } else {
      found.at(-1)?.instructions.push(instruction)
    }
  }
  return found
}

/** Of the image itself: what its containers are started with. */
export interface ImageConfig {
  readonly environment: Readonly<Record<string, string>>
  readonly workdir: string
  readonly user: string
  readonly command: readonly string[]
  /** In exec form, without the leading CMD. */
  readonly healthCheck: readonly string[]
  /** That the image makes for volumes, with the owner that they get. */
  readonly folders: readonly { readonly path: string; readonly owner: string }[]
}

export function imageConfig(): ImageConfig {
  const instructions = stages().at(-1)?.instructions ?? []
  const last = (keyword: string): string =>
    instructions.findLast((one) => one.getKeyword() === keyword)?.getRawArgumentsContent() ?? ''
  const [, check = ''] = /\bCMD\s+(\[.*\])$/s.exec(last('HEALTHCHECK')) ?? []
  return {
    environment: Object.fromEntries(
      instructions
        .filter((one) => one instanceof Env)
        .flatMap((one) => one.getProperties().map((each) => [each.getName(), each.getValue() ?? ''])),
    ),
    workdir: last('WORKDIR'),
    user: last('USER'),
    command:
      instructions
        .findLast((one) => one instanceof Cmd)
        ?.getJSONStrings()
        .map((each) => each.getJSONValue()) ?? [],
    healthCheck: JSON.parse(check || '[]') as string[],
    folders: instructions.flatMap((one) => {
      const [, user, group, paths] = /^install -d -o (\d+) -g (\d+) (.+)$/.exec(runOf(one)) ?? []
      return paths?.split(' ').map((path) => ({ path, owner: `${user}:${group}` })) ?? []
    }),
  }
}

/** Follows the Dockerfile in a folder that exists, and answers where the image's root is. */
export function buildImage(folder: string): string {
  const roots = new Map<string, string>()
  let root = ''
  for (const { name, instructions } of stages()) {
    root = join(folder, name)
    let workdir = '/'
    for (const instruction of instructions) {
      if (instruction instanceof Copy) {
        const { sources, target, from } = copyOf(instruction)
        for (const source of sources) {
          const origin = from === undefined ? contextFile(source) : join(roots.get(from) ?? '', source)
          const place = posix.resolve(workdir, target)
          copy(origin, join(root, target.endsWith('/') ? posix.join(place, basename(source)) : place))
        }
      } else if (instruction.getKeyword() === 'WORKDIR') {
        workdir = instruction.getRawArgumentsContent() ?? ''
        mkdirSync(join(root, workdir), { recursive: true })
      } else if (instruction.getKeyword() === 'RUN') {
        run(runOf(instruction), root, workdir)
      }
    }
    roots.set(name, root)
  }
  return root
}

export interface CopyParts {
  readonly sources: readonly string[]
  readonly target: string
  /** The stage that it is copied from; absent: what Docker is given to build from. */
  readonly from?: string
}

export function copyOf(instruction: Copy): CopyParts {
  const paths = instruction.getArguments().map((one) => one.getValue())
  const from = instruction.getFromFlag()?.getValue()
  return { sources: paths.slice(0, -1), target: paths.at(-1) ?? '', ...(from != null && { from }) }
}

/** Where a file lies that the Dockerfile copies; it must be there, and .dockerignore must let it in. */
function contextFile(source: string): string {
  const [first = '', ...admitted] = readFileSync(join(repository, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  assert.equal(first, '*', '.dockerignore begins with leaving everything out')
  assert.ok(admitted.includes(`!${source}`), `.dockerignore keeps ${source} from Docker`)
  const file = join(repository, source)
  assert.ok(existsSync(file), `${source} is not there`)
  return file
}

function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
}

function runOf(instruction: Instruction): string {
  return instruction.getKeyword() === 'RUN' ? (instruction.getRawArgumentsContent() ?? '') : ''
}

function run(command: string, root: string, workdir: string): void {
  const [program] = command.split(' ')
  if (command.startsWith('npm ci ')) {
    symlinkSync(join(repository, 'node_modules'), join(root, workdir, 'node_modules'))
  } else if (command.startsWith('npm run ')) {
    execFileSync('sh', ['-c', command], { cwd: join(root, workdir), stdio: 'pipe' })
  } else {
    assert.equal(program, 'install', `nobody knows how to follow "${command}" by hand`)
    for (const { path } of imageConfig().folders) mkdirSync(join(root, path), { recursive: true })
  }
}
