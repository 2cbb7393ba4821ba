# SPDX-License-Identifier: Apache-2.0
"""The tabletop, seen from above on 224×224 pixels: a planar arm of two links, three coloured blocks
and, for the task "place", a bowl.

State: the hand's x and y as parts of the picture (to the right and downwards, 0 to 1) and the
gripper (0 open, 1 closed). Command: where these three shall be next. All sentences of a task have
the same number of tokens, which training makes use of. demo/ has the same table in C.
"""

import copy
from dataclasses import dataclass

import numpy as np

TASKS = ("reach", "place")
HORIZON = 16  # commands in a chunk
SIZE = 224  # rows and columns of the picture
MAX_MOVE = 0.08  # of the hand in a step
MAX_GRIP = 0.5  # of the gripper in a step
GRASP = 0.04  # closing grasps a block this near to the hand
INSIDE = 0.06  # a block this near to the bowl's centre is in it
SURE = 0.05  # and this near, it is so beyond doubt for who sees pixels
REACHED = 0.05  # a hand this near to a block has reached it
APART = 0.17  # between things when a scene starts
NEAR = 0.012  # where the expert takes the hand for arrived

# where things start, as parts of the picture
LOW, HIGH = np.array([22.0, 22.0]) / SIZE, np.array([202.0, 176.0]) / SIZE

# the drawing, in pixels
BASE = np.array([112.0, 236.0])  # of the arm
LINK = 124.0
HALF_BLOCK = 12
BOWL = 24
COLOURS = {"red": (214, 40, 40), "green": (40, 160, 60), "blue": (40, 80, 210)}
TABLE = (225, 222, 214)
BOWL_RIM, BOWL_FLOOR = (130, 95, 60), (190, 150, 105)
UPPER_ARM, FOREARM, HAND = (90, 90, 96), (120, 120, 128), (20, 20, 24)


@dataclass
class Scene:
    """One table."""

    task: str
    colours: list[str]  # of the three blocks
    blocks: list[np.ndarray]  # where they are
    bowl: np.ndarray
    hand: np.ndarray
    grip: float = 0.0
    held: int | None = None  # the block in the gripper

    @classmethod
    def random(cls, rng: np.random.Generator, task: str) -> "Scene":
        """A new one."""
        colours = [list(COLOURS)[i] for i in rng.permutation(len(COLOURS))]
        things: list[np.ndarray] = []
        while len(things) < 4:
            at = rng.uniform(LOW, HIGH)
            if all(np.linalg.norm(at - other) > APART for other in things):
                things.append(at)
        hand = rng.uniform(LOW - 0.04, HIGH + 0.04)
        return cls(task, colours, things[:3], things[3], hand)

    def prompt(self, block: int) -> str:
        """The sentence that asks for a block."""
        if self.task == "reach":
            return f"reach the {self.colours[block]} block"
        return f"put the {self.colours[block]} block in the bowl"

    def state(self) -> np.ndarray:
        """x, y, gripper."""
        return np.array([*self.hand, self.grip])

    def done(self, block: int) -> bool:
        """Whether what the sentence for this block asks is so."""
        if self.task == "reach":
            return bool(np.linalg.norm(self.hand - self.blocks[block]) < REACHED)
        return self.lies_within(block, INSIDE)

    def lies_within(self, block: int, far: float) -> bool:
        """Whether a block that nobody holds is so near to the bowl's centre."""
        return bool(self.held != block and np.linalg.norm(self.blocks[block] - self.bowl) < far)

    def expert(self, block: int, inside: float = INSIDE) -> np.ndarray:
        """The command of one who knows, from this state alone."""

        def towards(goal: np.ndarray) -> np.ndarray:
            way = goal - self.hand
            return self.hand + way * min(1, MAX_MOVE / (np.linalg.norm(way) + 1e-9))

        def at(goal: np.ndarray) -> bool:
            return bool(np.linalg.norm(self.hand - goal) < NEAR)

        target = self.blocks[block]
        if self.task == "reach":
            return np.array([*towards(target), 0.0])
        if self.held == block:
            return np.array([*towards(self.bowl), 0.0 if at(self.bowl) else 1.0])
        if self.held is not None or self.lies_within(block, inside):
            return np.array([*self.hand, 0.0])
        if at(target):
            return np.array([*self.hand, 1.0])
        return np.array([*towards(target), 0.0])

    def teacher(self, block: int) -> np.ndarray:
        """What training shows: the expert's command, but for a table on which things go wrong. It
        brings the block to the bowl's middle, not the hand, which may hold it off centre; it takes
        a block from the bowl's rim once more; and it opens a gripper that closed on nothing, else
        it would never grasp again."""
        target = self.blocks[block]
        if self.held == block:
            seen = copy.copy(self)
            seen.bowl = self.bowl - (target - self.hand)
            return seen.expert(block)
        command = self.expert(block, SURE)
        if self.held is None and self.grip > 0.75:
            command[2] = 0.0
        return command

    def chunk(self, block: int) -> np.ndarray:
        """The teacher's next HORIZON commands, [HORIZON][3]; the scene stays as it is."""
        ahead = copy.copy(self)
        ahead.blocks = list(self.blocks)
        commands = []
        for _ in range(HORIZON):
            commands.append(ahead.teacher(block))
            ahead.step(commands[-1])
        return np.stack(commands)

    def step(self, command: np.ndarray) -> None:
        """The table after one command."""
        way = command[:2] - self.hand
        hand = self.hand + way * min(1, MAX_MOVE / (np.linalg.norm(way) + 1e-9))
        hand = np.clip(hand, 0, 1)
        if self.held is not None:
            self.blocks[self.held] = self.blocks[self.held] + hand - self.hand
        self.hand = hand

        before = self.grip
        self.grip = float(np.clip(command[2], max(0, before - MAX_GRIP), min(1, before + MAX_GRIP)))
        if before <= 0.75 < self.grip and self.held is None:
            far = [np.linalg.norm(b - self.hand) for b in self.blocks]
            nearest = int(np.argmin(far))
            if far[nearest] < GRASP:
                self.held = nearest
        if self.grip < 0.5:
            self.held = None

    def wander(self, rng: np.random.Generator) -> int:
        """Go to a state worth learning from: somewhere along a noisy run for some block, or where
        the scene starts. Returns the block. Much of the policy's success under noise comes from
        here: from failed grasps, from hands that were pushed aside, from blocks that lie beside
        the bowl."""
        block = int(rng.integers(3))
        if rng.random() < 0.75:
            if rng.random() < 0.5:
                self.run_by_steps(rng, block)
            else:
                self.run_by_chunks(rng, block)
        if self.task == "place" and rng.random() < 0.2:
            self.let_go_near_bowl(rng, block)
        return block

    def run_by_steps(self, rng: np.random.Generator, block: int) -> None:
        """Part of a run in which the teacher looks before each step."""
        noise = rng.choice([0.006, 0.015, 0.03])
        for _ in range(rng.integers(0, 26)):
            command = self.teacher(block)
            command[:2] += rng.normal(0, noise, 2)
            # a grasp that misses, a block that is let go too early
            if self.task == "place" and rng.random() < 0.04:
                command[2] = 1 - command[2]
            self.step(command)

    def run_by_chunks(self, rng: np.random.Generator, block: int) -> None:
        """Part of a run as a robot does it: half a chunk, then another look."""
        noise = rng.choice([0.01, 0.02, 0.03])
        for _ in range(rng.integers(0, 5)):
            for command in self.chunk(block)[: HORIZON // 2]:
                command[:2] += rng.normal(0, noise, 2)
                self.step(command)

    def let_go_near_bowl(self, rng: np.random.Generator, block: int) -> None:
        """The block in the bowl, on its rim or just outside, the open hand near it: how a run ends,
        well or badly."""
        if self.held is not None:
            return

        def around(middle: np.ndarray, far: float) -> np.ndarray:
            angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0, far)
            return np.clip(middle + radius * np.array([np.cos(angle), np.sin(angle)]), 0, 1)

        self.blocks[block] = around(self.bowl, 0.13)
        self.hand = around(self.blocks[block], 0.11)
        self.grip = 0.0

    def render(self) -> np.ndarray:
        """The picture, [SIZE][SIZE][3] u8."""
        picture = np.empty((SIZE, SIZE, 3), np.uint8)
        picture[:] = TABLE
        if self.task == "place":
            bowl = self.bowl * SIZE
            draw_capsule(picture, bowl, bowl, BOWL, BOWL_RIM)
            draw_capsule(picture, bowl, bowl, BOWL - 4, BOWL_FLOOR)
        for colour, block in zip(self.colours, self.blocks, strict=True):
            x, y = np.floor(block * SIZE).astype(int)
            rows = slice(max(y - HALF_BLOCK, 0), max(y + HALF_BLOCK, 0))
            columns = slice(max(x - HALF_BLOCK, 0), max(x + HALF_BLOCK, 0))
            picture[rows, columns] = COLOURS[colour]
        hand = self.hand * SIZE
        elbow = elbow_of(hand)
        draw_capsule(picture, BASE, elbow, 5, UPPER_ARM)
        draw_capsule(picture, elbow, hand, 4, FOREARM)
        draw_capsule(picture, hand, hand, 7 - 2 * self.grip, HAND)
        return picture


def elbow_of(hand: np.ndarray) -> np.ndarray:
    """Where the elbow is, in pixels."""
    reach = hand - BASE
    length = min(np.linalg.norm(reach), 2 * LINK - 1e-3)
    angle = np.arctan2(reach[1], reach[0]) - np.arccos(length / 2 / LINK)
    return BASE + LINK * np.array([np.cos(angle), np.sin(angle)])


def draw_capsule(picture: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float, colour) -> None:
    """All pixels whose centres are nearer than `radius` to the line from a to b."""
    low = np.clip(np.floor(np.minimum(a, b) - radius - 1), 0, SIZE).astype(int)
    high = np.clip(np.ceil(np.maximum(a, b) + radius + 1), 0, SIZE).astype(int)
    if (high <= low).any():
        return
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]] + 0.5
    line = b - a
    along = np.clip(((x - a[0]) * line[0] + (y - a[1]) * line[1]) / max(line @ line, 1e-9), 0, 1)
    far = (x - a[0] - along * line[0]) ** 2 + (y - a[1] - along * line[1]) ** 2
    picture[low[1] : high[1], low[0] : high[0]][far < radius * radius] = colour
