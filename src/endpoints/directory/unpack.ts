import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
