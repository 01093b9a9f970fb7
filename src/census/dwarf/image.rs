//! The ELF file that the running code came from.

use super::super::Unavailable;
use object::LittleEndian;
use object::elf::{FileHeader64, PF_X, PT_LOAD, ProgramHeader64, SHF_COMPRESSED, SectionHeader64};
use object::pod::{Pod, slice_from_bytes};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

const LE: LittleEndian = LittleEndian;

/// A part of the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Section {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// The file that some code was loaded from. It is read piecemeal and never mapped: a file that shrinks under a mapping
/// would kill the process.
#[derive(Debug)]
pub(super) struct Image {
    file: File,
    sections: Vec<(String, Section)>,
    /// What is added to the file's addresses where it is loaded.
    bias: u64,
}

impl Image {
    /// The image whose code is at the address.
    pub(super) fn of_code_at(address: u64) -> Result<Self, Unavailable> {
        let mapping = Mapping::at(address).ok_or_else(|| {
            Unavailable::new({
                "/proc/self/maps can't be read here; mount /proc, or let the process read it"
            })
        })?;
        let file = mapping.open().ok_or_else(|| {
            Unavailable::new(
                "the binary that runs is not on disk any more: it was rebuilt meanwhile; run it again",
            )
        })?;
        Self::read(file, &mapping).unwrap_or_else(|| {
            Err(Unavailable::new(
                "the binary is not as ELF files are; please report it, with how it was linked",
            ))
        })
    }

    fn read(file: File, mapping: &Mapping) -> Option<Result<Self, Unavailable>> {
        let header: FileHeader64<LittleEndian> = *array(&file, 0, 1)?.first()?;
        if header.e_ident.magic != object::elf::ELFMAG
            || header.e_ident.class != object::elf::ELFCLASS64
        {
            return None;
        }
        let segments: Vec<ProgramHeader64<LittleEndian>> =
            array(&file, header.e_phoff.get(LE), header.e_phnum.get(LE).into())?;
        let loaded = segments.iter().find(|segment| {
            let offset = segment.p_offset.get(LE);
            // Pages are as large as the system has them, and no larger than what segments are aligned to.
            let page = segment.p_align.get(LE).max(0x1000);
            // The last page of one segment may be the first of the next: which of them holds code tells.
            segment.p_type.get(LE) == PT_LOAD
                && segment.p_flags.get(LE).0 & PF_X.0 != 0
                && (offset - offset % page..offset + segment.p_filesz.get(LE))
                    .contains(&mapping.offset)
        })?;
        let address = loaded
            .p_vaddr
            .get(LE)
            .wrapping_sub(loaded.p_offset.get(LE))
            .wrapping_add(mapping.offset);
        let bias = mapping.start.wrapping_sub(address);

        let headers: Vec<SectionHeader64<LittleEndian>> =
            array(&file, header.e_shoff.get(LE), header.e_shnum.get(LE).into())?;
        let names = headers.get(usize::from(header.e_shstrndx.get(LE).0))?;
        let names = bytes(
            &file,
            names.sh_offset.get(LE),
            names.sh_size.get(LE) as usize,
        )?;
        let mut sections = Vec::new();
        for section in &headers {
            let name = names.get(section.sh_name.get(LE) as usize..)?;
            let name = name.split(|byte| *byte == 0).next()?;
            let name = String::from_utf8_lossy(name).into_owned();
            let is_compressed = section.sh_flags.get(LE).0 & SHF_COMPRESSED.0 != 0;
            if is_compressed && name.starts_with(".debug_") {
                return Some(Err(Unavailable::new(
                    "the binary's debug info is compressed; link without --compress-debug-sections",
                )));
            }
            let part = Section {
                offset: section.sh_offset.get(LE),
                size: section.sh_size.get(LE),
            };
            sections.push((name, part));
        }
        Some(Ok(Self {
            file,
            sections,
            bias,
        }))
    }

    pub(super) fn section(&self, name: &str) -> Option<Section> {
        self.sections
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, section)| *section)
    }

    /// Bytes of a section.
    pub(super) fn read_in(&self, section: Section, at: u64, length: usize) -> Option<Vec<u8>> {
        let end = at.checked_add(length as u64)?;
        if end > section.size {
            return None;
        }
        bytes(&self.file, section.offset.checked_add(at)?, length)
    }

    /// Where in memory what the file has at an address is.
    pub(super) fn to_memory(&self, address: u64) -> u64 {
        address.wrapping_add(self.bias)
    }

    /// An address in memory as the file's debug info has it.
    pub(super) fn to_file(&self, address: u64) -> u64 {
        address.wrapping_sub(self.bias)
    }
}

fn bytes(file: &File, offset: u64, length: usize) -> Option<Vec<u8>> {
    // A broken header must not make us ask for all memory there is.
    if length as u64 > file.metadata().ok()?.len() {
        return None;
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

fn array<T: Pod + Copy>(file: &File, offset: u64, count: usize) -> Option<Vec<T>> {
    let bytes = bytes(file, offset, count * size_of::<T>())?;
    let (items, _) = slice_from_bytes::<T>(&bytes, count).ok()?;
    Some(items.to_vec())
}

/// One line of `/proc/self/maps`.
#[derive(Debug)]
struct Mapping {
    start: u64,
    offset: u64,
    inode: u64,
    path: String,
}

impl Mapping {
    fn at(address: u64) -> Option<Self> {
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        maps.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (start, end) = words.next()?.split_once('-')?;
            let start = u64::from_str_radix(start, 16).ok()?;
            let end = u64::from_str_radix(end, 16).ok()?;
            if !(start..end).contains(&address) {
                return None;
            }
            let offset = u64::from_str_radix(words.nth(1)?, 16).ok()?;
            let inode = words.nth(1)?.parse().ok()?;
            let path = words.collect::<Vec<_>>().join(" ");
            Some(Self {
                start,
                offset,
                inode,
                path,
            })
        })
    }

    /// The mapped file itself, and no newer one of its name.
    fn open(&self) -> Option<File> {
        ["/proc/self/exe", &self.path]
            .into_iter()
            .filter_map(|path| File::open(Path::new(path)).ok())
            .find(|file| {
                file.metadata()
                    .is_ok_and(|data| data.ino() == self.inode && data.is_file())
            })
    }
}
