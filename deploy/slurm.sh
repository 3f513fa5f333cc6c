#!/usr/bin/env bash
# `sbatch deploy/slurm.sh [STUDY]`, from the root of the repository on a file system that all
# nodes see. Submitted again it goes on where it was. See docs/operations.md.
#SBATCH --job-name=classcomp
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --output=slurm-%j.out

set -euo pipefail

study=${1:-quickstart}
source .venv/bin/activate

# One token for all nodes, in the home directory that they share.
ray get-auth-token --generate > /dev/null
export RAY_AUTH_MODE=token
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300
export OMP_NUM_THREADS=1

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))

srun --kill-on-bad-exit=0 \
  ray symmetric-run \
  --address "$head:$port" \
  --min-nodes "$SLURM_JOB_NUM_NODES" \
  --num-cpus "$SLURM_CPUS_PER_TASK" \
  -- \
  python -m study.run "$study" --cluster --address "$head:$port" --results "$PWD/ray_results"
